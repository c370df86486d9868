# How everything is compiled: C++20, strict warnings, optional sanitizers, binaries in <build>/bin.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# -g1 keeps line numbers for profiles and crash reports at little cost in size.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

find_program(KVSTORE_CCACHE ccache)
if(KVSTORE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KVSTORE_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
                    -Woverloaded-virtual -Wimplicit-fallthrough -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # SSE4.2: tag compare and CRC32C; every x86-64 server since 2009 has it.
  add_compile_options(-msse4.2 -mpopcnt)
endif()
if(KVSTORE_SEEDED_BUGS)
  add_compile_definitions(KVSTORE_SEEDED_BUGS)
endif()
if(KVSTORE_SANITIZE)
  add_compile_options(-fsanitize=${KVSTORE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KVSTORE_SANITIZE})
endif()
