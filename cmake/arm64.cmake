# Cross-compiling for 64-bit Arm. The libraries stand in a sysroot that ./test --preset arm64 makes; what is built runs under qemu's user mode.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-arm64 ABSOLUTE)
# Headers, libraries and CMake files are the sysroot's alone, programs the host's.
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# A test that qemu cannot run knows by this variable where it is.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -E CHAPPE_QEMU_USER=1 -L ${CMAKE_SYSROOT})
