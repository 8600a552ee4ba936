# Where things are installed, and how they find each other there. Four components:
#   runtime  the C library, lora-run, the backend and, unless it is the distro's, oneDNN: runs compiled models, without LLVM
#   tools    lora-compile and the other tools, the stub that compiled files start with: need MLIR's and LLVM's libraries
#   irtools  lora-lsp-server and lora-reduce: for people who write IR and passes
#   devel    C headers, the CMake package LoraRuntime, lora-runtime.pc: to build programs against the runtime
# Files that users never name (backend, stub, oneDNN) are in a folder of their own, lib/lora-mlir. All paths
# between installed files are relative, so an install tree may be moved.
include(GNUInstallDirs)
# The runtime opens no library in a folder that others may write to, so the permissions do not depend on the umask
# of the user who installs.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(LORA_PRIVATE_DIR ${CMAKE_INSTALL_LIBDIR}/lora-mlir)
file(RELATIVE_PATH LORA_PRIVATE_FROM_BIN "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}/lora-mlir")
set(LORA_PRIVATE_FROM_LIB lora-mlir)

# lora_install_tools(TARGETS... [COMPONENT tools]): programs in bin that may link oneDNN, and MLIR, which the distro keeps
# in a folder (LLVM_LIBRARY_DIR) where the loader does not look by itself.
function(lora_install_tools)
  cmake_parse_arguments(ARG "" "COMPONENT" "" ${ARGN})
  if(NOT ARG_COMPONENT)
    set(ARG_COMPONENT tools)
  endif()
  set(folders "$ORIGIN/${LORA_PRIVATE_FROM_BIN}" ${LORA_ONEDNN_RPATH} ${LLVM_LIBRARY_DIR})
  set_target_properties(${ARG_UNPARSED_ARGUMENTS} PROPERTIES INSTALL_RPATH "${folders}")
  install(TARGETS ${ARG_UNPARSED_ARGUMENTS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${ARG_COMPONENT})
endfunction()

# lora_install_onednn(): decides how the installed backend finds oneDNN; call it after oneDNN was found. The loader
# finds the distro's library. A library that set-up put into a user's cache is copied into the private folder,
# because other users and other machines do not have that cache; with -DLORA_INSTALL_ONEDNN=OFF the path of the
# cache is recorded instead.
function(lora_install_onednn)
  get_filename_component(folder "${OneDNN_LIBRARY}" DIRECTORY)
  set(rpath "${folder}")
  if("${folder}" MATCHES "^(/usr)?/lib(64|/[^/]+-linux-gnu)?$")
    set(rpath "")
  else()
    option(LORA_INSTALL_ONEDNN "Install oneDNN beside the backend, instead of recording where it is" ON)
    if(LORA_INSTALL_ONEDNN)
      set(rpath "")
      get_filename_component(file "${OneDNN_LIBRARY}" REALPATH)
      get_filename_component(name "${OneDNN_LIBRARY}" NAME)
      install(FILES "${file}" DESTINATION ${LORA_PRIVATE_DIR} RENAME "${name}" COMPONENT runtime)
      # The licence requires it: its texts are installed beside the library.
      file(GLOB texts "${folder}/../share/doc/*dnn*/LICENSE" "${folder}/../share/doc/*dnn*/THIRD-PARTY-PROGRAMS")
      install(FILES ${texts} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/lora-runtime/onednn COMPONENT runtime)
    endif()
  endif()
  set(LORA_ONEDNN_RPATH "${rpath}" CACHE INTERNAL "Folder of oneDNN that installed programs look into")
endfunction()

# lora_install_runtime_package(): the C headers, the CMake package and the file of pkg-config.
function(lora_install_runtime_package)
  set(headers ${CMAKE_CURRENT_SOURCE_DIR}/include/lora-runtime)
  install(FILES ${headers}/lora_runtime.h ${headers}/backend.h ${headers}/compiled_code.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lora-runtime COMPONENT devel)

  include(CMakePackageConfigHelpers)
  set(templates ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/package)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/LoraRuntime)
  configure_package_config_file(${templates}/LoraRuntimeConfig.cmake.in LoraRuntimeConfig.cmake
    INSTALL_DESTINATION ${folder} NO_SET_AND_CHECK_MACRO)
  # Within one version of the interface, functions are only added.
  write_basic_package_version_file(LoraRuntimeConfigVersion.cmake VERSION ${LORA_VERSION} COMPATIBILITY SameMajorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/LoraRuntimeConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/LoraRuntimeConfigVersion.cmake DESTINATION ${folder} COMPONENT devel)
  install(EXPORT LoraRuntimeTargets NAMESPACE LoraRuntime:: DESTINATION ${folder} COMPONENT devel)

  file(RELATIVE_PATH LORA_PREFIX_FROM_PC "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
  string(REGEX REPLACE "/$" "" LORA_PREFIX_FROM_PC "${LORA_PREFIX_FROM_PC}")
  file(RELATIVE_PATH LORA_LIB_FROM_PREFIX "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  file(RELATIVE_PATH LORA_INCLUDE_FROM_PREFIX "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
  configure_file(${templates}/lora-runtime.pc.in lora-runtime.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lora-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT devel)
endfunction()
