# For other scripts: prints the address of the Debian archive that this machine
# uses, or nothing if apt's configuration has none.
debian_archive() {
  sed -nE 's/^(URIs:|deb) +(\[[^]]*\] +)?(https?:[^ ]+).*/\3/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1
}
