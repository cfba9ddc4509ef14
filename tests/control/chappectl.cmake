# tests of the program chappectl; included by the top, like the program itself
chappe_test(test_chappectl SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_chappectl.cpp ${CMAKE_CURRENT_LIST_DIR}/test_tables.cpp
  ${CMAKE_SOURCE_DIR}/control/tables.cpp ${CMAKE_SOURCE_DIR}/control/describe.cpp ${CMAKE_SOURCE_DIR}/control/top.cpp LINK chappe_control chappe_shm fmt::fmt nlohmann_json::nlohmann_json chappe_snapshot_json)
add_dependencies(test_chappectl chappectl)
