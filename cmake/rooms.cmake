# kvstore_room(name DEPENDS room... LIBRARIES target...)
# One room: src/<name>/*.cc becomes the library kvstore_<name>; src/<name>/*_test.cc becomes <name>_test.
# DEPENDS is the row of the import table in docs/tour.md; linking anything else does not compile.
function(kvstore_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  add_library(kvstore_${name} STATIC ${sources})
  target_include_directories(kvstore_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  foreach(dependency ${ROOM_DEPENDS})
    target_link_libraries(kvstore_${name} PUBLIC kvstore_${dependency})
  endforeach()
  target_link_libraries(kvstore_${name} PUBLIC ${ROOM_LIBRARIES})

  if(KVSTORE_BUILD_TESTS AND tests)
    add_executable(${name}_test ${tests})
    # A check of GoogleTest as the only statement of an if is clear enough; g++ sees the else inside the macro.
    target_compile_options(${name}_test PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-else>)
    target_link_libraries(${name}_test PRIVATE kvstore_${name} GTest::gtest GTest::gmock GTest::gtest_main rapidcheck)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
