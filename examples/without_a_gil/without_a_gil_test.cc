#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "examples/interpreter_farm/run_program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using interpreter_farm::Outcome;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;

Outcome RunProgram(const std::string& flags) {
  return interpreter_farm::RunProgram("WITHOUT_A_GIL", flags);
}

// What a line says: rounds, null, c10::Error, wrong object.
using Line = std::vector<std::uint64_t>;

// By the cache and "one" or "two".
using Table = std::map<std::pair<std::string, std::string>, Line>;

// The table that the program printed; a line that is not as it should be is an
// error.
Table Parse(const std::string& output) {
  Table table;
  std::string cache;
  bool in_table = false;
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    if (line.empty()) in_table = false;
    if (in_table) {
      const absl::string_view name =
          absl::StripTrailingAsciiWhitespace(line.substr(0, 21));
      if (!name.empty()) cache = std::string(name);
      const std::vector<std::string> words =
          absl::StrSplit(line.substr(21), ' ', absl::SkipEmpty());
      EXPECT_EQ(words.size(), 6u) << line;
      if (words.size() != 6) return table;
      EXPECT_EQ(words[1], words[0] == "one" ? "interpreter" : "interpreters");
      Line counts;
      for (const std::size_t i : {2, 3, 4, 5}) {
        counts.emplace_back();
        EXPECT_TRUE(absl::SimpleAtoi(absl::StrReplaceAll(words[i], {{",", ""}}),
                                     &counts.back()))
            << line;
      }
      EXPECT_TRUE(table.insert({{cache, words[0]}, counts}).second) << line;
    }
    if (absl::StartsWith(line, "cache ")) in_table = true;
  }
  return table;
}

TEST(WithoutAGilTest, OnlyTheSingleSlotIsWrong) {
  const Outcome outcome = RunProgram("");
  if (absl::StrContains(outcome.output, "this needs two processors")) {
    GTEST_SKIP() << outcome.output;
  }
  SCOPED_TRACE(outcome.output);
  EXPECT_EQ(outcome.status, 0);
  Table table = Parse(outcome.output);
  EXPECT_EQ(table.size(), 14u);

  const auto zeros = ElementsAre(Gt(0u), 0, 0, 0);
  for (const char* cache :
       {"FixedSlots<1>", "FixedSlots<8>", "FixedSlots<8>, bare", "SideTable"}) {
    EXPECT_THAT((table[{cache, "one"}]), zeros) << cache;
    EXPECT_THAT((table[{cache, "two"}]), zeros) << cache;
  }
  for (const char* cache : {"c10::PyHandleCache", "SingleSlot"}) {
    const Line counts = table[{cache, "one"}];
    ASSERT_EQ(counts.size(), 4u);
    // Else the threads have not met, and the zeros above mean nothing. On a
    // busy machine there may be no null among so few rounds.
    EXPECT_GT(counts[1] + counts[2], 0u) << cache;
    EXPECT_EQ(counts[3], 0u) << cache;
    EXPECT_THAT((table[{cache, "two"}]), zeros) << cache;
  }
  EXPECT_THAT((table[{"one atomic pointer", "one"}]), zeros);
  const Line pointer = table[{"one atomic pointer", "two"}];
  ASSERT_EQ(pointer.size(), 4u);
  EXPECT_GT(pointer[3], 0u);
  EXPECT_THAT(outcome.output,
              ContainsRegex(": 0 errors in [1-9][0-9,]* lookups[.]\n"));
}

TEST(WithoutAGilTest, ABadValueIsAnErrorThatNamesTheRange) {
  for (const char* flag : {"--rounds=0", "--rounds=1000001", "--rounds=-1",
                           "--rounds=many", "--rounds=1.5", "--rounds="}) {
    const Outcome outcome = RunProgram(flag);
    EXPECT_EQ(outcome.status, 1) << flag;
    EXPECT_THAT(outcome.output,
                HasSubstr("must be a whole number from 1 to 1000000\n"))
        << flag;
  }
  for (const char* flag : {"--seconds=0", "--seconds=3601"}) {
    const Outcome outcome = RunProgram(flag);
    EXPECT_EQ(outcome.status, 1) << flag;
    EXPECT_THAT(outcome.output,
                HasSubstr("must be a whole number from 1 to 3600\n"))
        << flag;
  }
  const Outcome outcome = RunProgram("20000");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.output, HasSubstr("'20000'"));
}

TEST(WithoutAGilTest, HelpSaysWhatItDoes) {
  const Outcome outcome = RunProgram("--help");
  EXPECT_THAT(outcome.output, HasSubstr("Counts what goes wrong"));
  EXPECT_THAT(outcome.output, HasSubstr("--rounds"));
}

}  // namespace
