# The program chappectl. Included by the top once config and shm are there: it alone in this folder links them.
find_package(CLI11 REQUIRED GLOBAL)
find_package(fmt REQUIRED GLOBAL)
find_package(nlohmann_json REQUIRED GLOBAL)
chappe_program(chappectl
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/chappectl.cpp ${CMAKE_CURRENT_LIST_DIR}/tables.cpp ${CMAKE_CURRENT_LIST_DIR}/orders.cpp
          ${CMAKE_CURRENT_LIST_DIR}/config_report.cpp ${CMAKE_CURRENT_LIST_DIR}/describe.cpp
          ${CMAKE_CURRENT_LIST_DIR}/top.cpp
  LINK chappe_control chappe_config chappe_shm CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json
       chappe_snapshot_json)
