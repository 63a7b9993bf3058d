#include "multislot/internal/registry.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "multislot/internal/bits.h"
#include "multislot/internal/fork_mutex.h"
#include "multislot/internal/table.h"
#include "multislot/internal/tag.h"

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace multislot {
namespace internal {
namespace {

#if !defined(_WIN32)
[[maybe_unused]] const int g_fork_handlers = pthread_atfork(
    [] { g_register.mutex.BeforeFork(); }, [] { g_register.mutex.AfterFork(); },
    [] { g_register.mutex.AfterFork(); });
#endif

constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

constexpr std::uint64_t Bit(std::size_t number) {
  return std::uint64_t{1} << (number % kBitsOfAWord);
}

// The chunk of a page after the first: chunk i has the 2^i pages from 2^i on.
std::size_t ChunkOf(std::size_t page) noexcept {
  // The bit does not matter; without it gcc warns about page 0.
  return BitWidth(page | 1) - 1;
}
std::size_t PagesIn(std::size_t chunk) noexcept {
  return std::size_t{1} << chunk;
}

// Null if the register has not grown that far.
Page* PageNumber(Register& shared, std::size_t number) noexcept {
  if (number == 0) return &shared.first_page;
  const std::size_t chunk = ChunkOf(number);
  Page* pages = shared.chunks[chunk].load(std::memory_order_acquire);  // (4)
  return pages == nullptr ? nullptr : &pages[number - PagesIn(chunk)];
}

// The first page with a free index; kPages if there is none.
std::size_t PageWithRoom(const Register& shared) noexcept
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
  for (std::size_t i = 0; i < kWordsOfWords; ++i) {
    const std::size_t word =
        i * kBitsOfAWord + LowestZeroBit(shared.full_words[i]);
    if (shared.full_words[i] == kAllBits || word >= kWordsOfPages) continue;
    return word * kBitsOfAWord + LowestZeroBit(shared.full_pages[word]);
  }
  return kPages;
}

Tag TakeFrom(Register& shared, Page& page, std::size_t page_number,
             std::atomic<Table*>* tables) noexcept
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
  const std::size_t entry = LowestZeroBit(page.taken);
  const Tag tag =
      MakeTag(page_number * kBitsOfAWord + entry, ++page.generation[entry]);
  // Relaxed: see IsLive().
  page.live[entry].store(tag, std::memory_order_relaxed);
  page.tables[entry] = tables;
  page.taken |= Bit(entry);
  if (page.taken == kAllBits) {
    const std::size_t word = page_number / kBitsOfAWord;
    shared.full_pages[word] |= Bit(page_number);
    if (shared.full_pages[word] == kAllBits) {
      shared.full_words[word / kBitsOfAWord] |= Bit(word);
    }
  }
  return tag;
}

void GiveBack(Register& shared, Page& page, std::size_t page_number,
              std::size_t entry) noexcept
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared.mutex) {
  if (page.generation[entry] == kLastGeneration) return;
  page.taken &= ~Bit(entry);
  const std::size_t word = page_number / kBitsOfAWord;
  shared.full_pages[word] &= ~Bit(page_number);
  shared.full_words[word / kBitsOfAWord] &= ~Bit(word);
}

// Pages for one chunk, allocated before the lock is taken, and freed after it
// if they were not used.
struct Spare {
  Spare() = default;
  ~Spare() { delete[] pages; }
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;

  bool Allocate(std::size_t for_chunk) noexcept {
    delete[] pages;
    chunk = for_chunk;
    pages = new (std::nothrow) Page[PagesIn(chunk)]();
    return pages != nullptr;
  }

  std::size_t chunk = 0;
  Page* pages = nullptr;
};

}  // namespace

RegistryLock::RegistryLock(Register& shared) noexcept : shared_(shared) {
  shared_.mutex.Lock();
}
RegistryLock::~RegistryLock() { shared_.mutex.Unlock(); }

const Page* FindPage(const Register& shared, std::size_t home_index) noexcept {
  return PageNumber(const_cast<Register&>(shared), home_index / kBitsOfAWord);
}

Tag RegisterTag(Register& shared, std::atomic<Table*>* tables) noexcept {
  Spare spare;
  for (;;) {
    std::size_t number;
    {
      RegistryLock lock(shared);
      number = PageWithRoom(shared);
      if (number == kPages) return kRetiredTag;
      Page* page = PageNumber(shared, number);
      if (page == nullptr && spare.pages != nullptr &&
          spare.chunk == ChunkOf(number)) {
        shared.chunks[spare.chunk].store(spare.pages,
                                         std::memory_order_release);  // (3)
        spare.pages = nullptr;
        page = PageNumber(shared, number);
      }
      if (page != nullptr) return TakeFrom(shared, *page, number, tables);
    }
    if (!spare.Allocate(ChunkOf(number))) return kRetiredTag;
  }
}

Table* RetireTag(Register& shared, Tag tag) noexcept {
  if (tag == kRetiredTag) return nullptr;
  RegistryLock lock(shared);
  const std::size_t index = HomeIndexOf(tag);
  const std::size_t number = index / kBitsOfAWord;
  const std::size_t entry = index % kBitsOfAWord;
  Page* page = PageNumber(shared, number);
  // Relaxed: see IsLive().
  page->live[entry].store(0, std::memory_order_relaxed);
  shared.retirements.fetch_add(1, std::memory_order_release);  // (5)
  Table* table = nullptr;
  if (std::atomic<Table*>* tables = page->tables[entry]) {
    // Relaxed: written under the lock.
    table = tables->load(std::memory_order_relaxed);
    tables->store(&g_empty_table, std::memory_order_relaxed);  // (28)
    page->tables[entry] = nullptr;
  }
  GiveBack(shared, *page, number, entry);
  return table == nullptr || table->size == 0 ? nullptr : table;
}

}  // namespace internal
}  // namespace multislot
