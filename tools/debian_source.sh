# To be sourced, by bash. Needs debian_archive.sh.
#
# debian_source SUITE PACKAGE FOLDER: unpacks the upstream part of a source
# package of Debian there, unless the folder exists. Nothing else of the machine
# changes.
debian_source() {
  local suite=$1 package=$2 folder=$3 part=$3.part archive
  [ ! -d "$folder" ] || return 0
  rm -rf "$part"
  mkdir -p "$part/apt/entries" "$part/apt/lists/partial" "$part/download" "$part/source" || return
  echo "deb-src $(debian_archive) $suite main" >"$part/apt/entries/source.list"
  local apt=(apt-get -qq -o Acquire::Check-Valid-Until=false -o Dir::Etc::SourceList=/dev/null
    -o "Dir::Etc::SourceParts=$part/apt/entries" -o "Dir::State::Lists=$part/apt/lists"
    -o "Dir::Cache=$part/apt" -o APT::Sandbox::User=root)
  "${apt[@]}" update &&
    (cd "$part/download" && "${apt[@]}" source --download-only --tar-only "$package") || return
  for archive in "$part/download/"*.orig.tar.*; do
    tar -xf "$archive" -C "$part/source" --strip-components=1 || return
  done
  mv "$part/source" "$folder" && rm -rf "$part"
}
