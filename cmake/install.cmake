# cmake --install: the programs, the library for embedding (target kvstore::kvstore), its headers and its CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS kv_store_server kv_store_check RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
foreach(program benchmark_direct benchmark_tcp benchmark_writes benchmark_durability benchmark_peers)
  if(TARGET ${program})
    # OPTIONAL: who builds the server alone can install it alone.
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT benchmarks OPTIONAL)
  endif()
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT server)

install(TARGETS kvstore EXPORT kvstore
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/kvstore
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h")

set(KVSTORE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/kvstore)
install(EXPORT kvstore NAMESPACE kvstore:: FILE kvstoreTargets.cmake
  DESTINATION ${KVSTORE_PACKAGE_DIR} COMPONENT library)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/kvstoreConfig.cmake.in
  ${PROJECT_BINARY_DIR}/kvstoreConfig.cmake INSTALL_DESTINATION ${KVSTORE_PACKAGE_DIR})
# Before version 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kvstoreConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kvstoreConfig.cmake ${PROJECT_BINARY_DIR}/kvstoreConfigVersion.cmake
  DESTINATION ${KVSTORE_PACKAGE_DIR} COMPONENT library)
