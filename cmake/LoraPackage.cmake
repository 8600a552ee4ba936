# Settings of `cpack`. It makes from a build one .tar.gz with everything, and a .deb for each component of
# cmake/LoraInstall.cmake. dpkg-shlibdeps finds the packages that a component needs. Included last, where
# everything is installed.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME ${CMAKE_PROJECT_NAME})
set(CPACK_PACKAGE_VERSION ${LORA_VERSION})
set(CPACK_SYSTEM_NAME ${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_VENDOR "LoRA-MLIR")
set(CPACK_PACKAGE_CONTACT "The LoRA-MLIR authors <lora-mlir@localhost>" CACHE STRING "Maintainer of the packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Compiler and runtime for transformers with LoRA adapters")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_LIST_DIR}/../LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
find_package(OneDNN 3.2 QUIET REQUIRED)
get_filename_component(onednn_folder "${OneDNN_LIBRARY}" DIRECTORY)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY} ${onednn_folder})
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

# Programs that were linked with the C library run with any later one, because functions are only added. (CPack's
# own list would also name the private oneDNN.)
set(control ${CMAKE_BINARY_DIR}/package)
get_target_property(api_version lora_runtime SOVERSION)
file(WRITE ${control}/shlibs "liblora_runtime ${api_version} lora-runtime (>= ${LORA_VERSION})\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME lora-runtime)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${control}/shlibs)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME lora-tools)
# These are opened at run time, so dpkg-shlibdeps does not find them.
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "liblapacke, libblas3 | libblas.so.3")
# This LAPACK is fast, and its threads are not OpenMP's.
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS libopenblas0-pthread)
set(CPACK_DEBIAN_IRTOOLS_PACKAGE_NAME lora-tools-dev)
set(CPACK_DEBIAN_IRTOOLS_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME lora-runtime-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SHLIBDEPS OFF)

set(CPACK_COMPONENTS_ALL runtime devel)
if(TARGET lora-compile)
  list(APPEND CPACK_COMPONENTS_ALL tools irtools)
endif()
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/../LICENSE RENAME copyright COMPONENT ${component}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()

include(CPack)
cpack_add_component(runtime DESCRIPTION "Runs compiled models: C library, lora-run, CPU backend. Needs no LLVM.")
if(TARGET lora-compile)
  cpack_add_component(tools DEPENDS runtime DESCRIPTION "lora-compile, lora-train, lora-adapter and the other tools")
  cpack_add_component(irtools DEPENDS tools
    DESCRIPTION "For people who write IR and passes: a language server for editors, and a reducer of IR")
endif()
cpack_add_component(devel DEPENDS runtime DESCRIPTION "C headers and package files of the runtime")
