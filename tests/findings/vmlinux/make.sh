#!/bin/sh
# Makes the kernels of this folder, in the toolchains' images as the harness builds them (source in /source), and beside
# each what binutils or LLVM says of every instruction: what the tests compare with.
#
#   ./make.sh IMAGE-OF-gcc-3.4 IMAGE-OF-gcc-12 IMAGE-OF-clang-14
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
chmod 777 "$out"

make_one() { # NAME IMAGE READER COMPILER LINKER
  docker run --rm --network none -v "$PWD:/source:ro" -v "$out:/out" -w /out "$2" sh -ec "
    for file in mm/tiny.c kernel/sys.c kernel/entry.S; do
      $4 -O2 -fno-pic -ffreestanding -I/source/include -c /source/\$file -o \$(basename \$file).o
    done
    $5 -n -z noexecstack -e start_kernel -Ttext=0xc0100000 --section-start=.init.text=0xc0080000 --build-id=none \
      tiny.c.o sys.c.o entry.S.o -o $1"
  install -m 644 "$out/$1" "$1"
  objdump -d "$1" | sed -n 's/^ *\([0-9a-f]*\):\t.*/0x\1/p' | $3 "$1" | gzip -9n >"$1.places.gz"
}

gnu() { addr2line -a -i -f -e "$1" | sed 's/ (discriminator.*//'; }
# binutils 2.40 misses ranges that LLVM's objects name by number.
llvm() { docker run --rm -i -v "$PWD:/t" -w /t "$image" llvm-symbolizer -a --output-style=GNU -i -f -e "$1"; }


make_one dwarf2-i386 "$1" gnu 'gcc-3.4 -m32 -g' 'ld -m elf_i386'
make_one dwarf4 "$2" gnu 'gcc -g1 -gdwarf-4 -fcf-protection=none -mno-red-zone -fno-asynchronous-unwind-tables' ld
make_one dwarf5 "$2" gnu 'gcc -g1 -gdwarf-5 -fcf-protection=none -fno-asynchronous-unwind-tables' ld
make_one dwarf5-packed "$2" gnu 'gcc -g1 -gdwarf-5 -fcf-protection=none -fno-asynchronous-unwind-tables' \
  'ld --compress-debug-sections=zlib'
make_one dwarf5-i386 "$2" gnu 'gcc -m32 -g -gdwarf-5 -fcf-protection=none -fno-asynchronous-unwind-tables' \
  'ld -m elf_i386'
image=$3
make_one clang "$3" llvm 'clang -g1 -fno-asynchronous-unwind-tables' ld
rm -rf "$out"
