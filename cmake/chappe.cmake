# What every target of ours shares. Flags are PRIVATE to our own targets through the functions below.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
find_package(Threads REQUIRED)
set(CHAPPE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wtsan speaks of fences that the sanitizer does not see; -Wrestrict is false for "literal" + std::string (GCC bug 105651).
  list(APPEND CHAPPE_WARNINGS -Wno-tsan -Wno-restrict)
endif()
# The commit that is checked out, for build information (rt/build_info.cpp, the one file that a new commit compiles). Changes on top of it are
# not told. Another commit configures anew; git knows where its files are, in a worktree too.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} describe --always OUTPUT_VARIABLE CHAPPE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CHAPPE_COMMIT)
  set(CHAPPE_COMMIT unknown)
endif()
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --path-format=absolute --git-path HEAD --git-path logs/HEAD
  OUTPUT_VARIABLE heads OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(REPLACE "\n" ";" heads "${heads}")
foreach(head IN LISTS heads)
  if(EXISTS ${head})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${head})
  endif()
endforeach()
# The fault points (rt/fault.hpp) exist in the preset faults alone.
option(CHAPPE_FAULT_POINTS "places at which a test lets a process die, stand still or be refused" OFF)
if(CHAPPE_FAULT_POINTS)
  add_compile_definitions(CHAPPE_FAULT_POINTS)
endif()

# chappe_library(NAME SOURCES... LINK targets... PRIVATE_LINK targets...): a static library of one folder.
function(chappe_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(chappe_${name} STATIC ${A_SOURCES})
  target_include_directories(chappe_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(chappe_${name} PRIVATE ${CHAPPE_WARNINGS})
  target_link_libraries(chappe_${name} PUBLIC ${A_LINK} PRIVATE ${A_PRIVATE_LINK})
endfunction()

# chappe_program(NAME SOURCES... LINK targets...): an executable in bin/.
function(chappe_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_compile_options(${name} PRIVATE ${CHAPPE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${A_LINK})
endfunction()

# chappe_test(NAME SOURCES... LINK targets... LABELS quick|ci|tsan|arm TIMEOUT seconds): a GoogleTest program, one CTest test per program.
# Those labelled tsan are what the preset tsan builds: threads of one process over one mapping. Those labelled arm, and the programs, are
# what ./test --preset arm64 builds.
add_custom_target(tsan_tests)
add_custom_target(arm_tests)
function(chappe_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_compile_options(${name} PRIVATE ${CHAPPE_WARNINGS})
  target_compile_definitions(${name} PRIVATE CHAPPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CHAPPE_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  target_link_libraries(${name} PRIVATE ${A_LINK} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  if(NOT A_LABELS)
    set(A_LABELS quick)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT})
  foreach(label tsan arm)
    if(label IN_LIST A_LABELS)
      add_dependencies(${label}_tests ${name})
    endif()
  endforeach()
endfunction()
