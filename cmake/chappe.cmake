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
# The fault points (rt/fault.hpp) exist in the preset faults alone.
option(CHAPPE_FAULT_POINTS "places at which a test lets a process die, stand still or be refused" OFF)
if(CHAPPE_FAULT_POINTS)
  add_compile_definitions(CHAPPE_FAULT_POINTS)
endif()
# Compile-time string for build information.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} describe --always --dirty OUTPUT_VARIABLE CHAPPE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)

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
  target_compile_definitions(${name} PRIVATE CHAPPE_VERSION="${PROJECT_VERSION}" CHAPPE_COMMIT="${CHAPPE_COMMIT}")
  target_link_libraries(${name} PRIVATE ${A_LINK})
endfunction()

# chappe_test(NAME SOURCES... LINK targets... LABELS quick|ci|tsan TIMEOUT seconds): a GoogleTest program, one CTest test per program.
# Those labelled tsan are what the preset tsan builds: threads of one process over one mapping.
add_custom_target(tsan_tests)
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
  if("tsan" IN_LIST A_LABELS)
    add_dependencies(tsan_tests ${name})
  endif()
endfunction()
