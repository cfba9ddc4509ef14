// The headers that tests/CMakeLists.txt compiles once for all tests are a part of this target.
