# One static library per room; docs/architecture.md has the table of what may include what.

add_library(waystation_warnings INTERFACE)
target_compile_options(waystation_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wextra-semi -Wimplicit-fallthrough)

add_library(waystation_flags INTERFACE)
target_include_directories(waystation_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(WAYSTATION_SANITIZE)
  # vptr needs RTTI from every library, and Debian's RocksDB has none.
  target_compile_options(waystation_flags INTERFACE
    -fsanitize=${WAYSTATION_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr
    -fno-omit-frame-pointer)
  target_link_options(waystation_flags INTERFACE -fsanitize=${WAYSTATION_SANITIZE})
endif()
if(WAYSTATION_FUZZ)
  target_compile_options(waystation_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# waystation_room(NAME PUBLIC libraries... PRIVATE libraries...): every .cc below NAME/.
function(waystation_room name)
  cmake_parse_arguments(ROOM "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/empty.cc "")
    set(sources ${CMAKE_BINARY_DIR}/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC waystation_flags ${ROOM_PUBLIC}
                        PRIVATE waystation_warnings ${ROOM_PRIVATE})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()

# waystation_test(NAME libraries...): every *_test.cc below tests/unit/NAME, as one program.
function(waystation_test name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ${ARGN} test_support GTest::gmock GTest::gtest_main
                        waystation_warnings)
  target_compile_definitions(${name}_test PRIVATE WAYSTATION_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 300 LABELS ${name})
endfunction()

# waystation_fuzz(NAME libraries...): tests/fuzz/NAME.cc with its seeds in tests/fuzz/corpus/NAME.
function(waystation_fuzz name)
  add_executable(${name} fuzz/${name}.cc)
  target_link_libraries(${name} PRIVATE ${ARGN} waystation_warnings)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
