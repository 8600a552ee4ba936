# Finds oneDNN 3.2 or newer, built for the CPU with OpenMP. Never downloads anything: ./setup.sh does that.
#
# Looked at, in this order:
#   ONEDNN_ROOT            (CMake or environment variable) a folder with include/ and lib/; nothing else is tried if it is set
#   the user cache         ${XDG_CACHE_HOME:-~/.cache}/lora-mlir/onednn-*   (where ./setup.sh puts it)
#   the system             Debian 13: package libdnnl-dev
# If both the cache and the system have one, the newest version is taken.
#
# Result:
#   OneDNN_FOUND, OneDNN_VERSION
#   OneDNN_INCLUDE_DIR     folder that has oneapi/dnnl/dnnl.h
#   OneDNN_LIBRARY         full path of the shared library, the file to open at run time; its name is libdnnl.so.3, or
#                          libdnnl.so.3.6 from Debian 13, so a search by name must try both
#   OneDNN::dnnl           imported target, for code that links the library
#   OneDNN::headers        imported target, for code that opens the library at run time and needs its types only

set(OneDNN_MINIMUM_VERSION 3.2)
if(OneDNN_FIND_VERSION AND OneDNN_FIND_VERSION VERSION_GREATER OneDNN_MINIMUM_VERSION)
  set(OneDNN_MINIMUM_VERSION ${OneDNN_FIND_VERSION})
endif()

# Looks for a usable oneDNN in the folder ROOT. Sets in the caller's scope _onednn_version (empty if there is
# none), _onednn_include and _onednn_library. If there is a oneDNN that cannot be used, appends the reason to
# _onednn_reasons.
function(_onednn_probe ROOT)
  foreach(var version include library)
    set(_onednn_${var} "" PARENT_SCOPE)
  endforeach()
  find_path(include NAMES oneapi/dnnl/dnnl_version.h PATHS "${ROOT}/include" NO_DEFAULT_PATH NO_CACHE)
  if(NOT include)
    return()
  endif()
  set(config "${include}/oneapi/dnnl/dnnl_config.h")
  file(STRINGS "${include}/oneapi/dnnl/dnnl_version.h" text REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  set(version "")
  foreach(part MAJOR MINOR PATCH)
    if(text MATCHES "DNNL_VERSION_${part} +([0-9]+)")
      list(APPEND version ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(JOIN version "." version)
  if(version VERSION_LESS OneDNN_MINIMUM_VERSION OR NOT version VERSION_LESS 4)
    list(APPEND _onednn_reasons "${ROOT}: version ${version}")
    set(_onednn_reasons "${_onednn_reasons}" PARENT_SCOPE)
    return()
  endif()
  file(STRINGS "${config}" runtime REGEX "define DNNL_CPU_THREADING_RUNTIME +DNNL_RUNTIME_OMP")
  if(NOT runtime)
    list(APPEND _onednn_reasons "${ROOT}: version ${version}, but not built for OpenMP")
    set(_onednn_reasons "${_onednn_reasons}" PARENT_SCOPE)
    return()
  endif()
  # The name with the numbers of the soname remains when the development package is removed: libdnnl.so.3 upstream,
  # libdnnl.so.3.6 in Debian 13. It sorts first.
  foreach(folder "${ROOT}/lib/${CMAKE_LIBRARY_ARCHITECTURE}" "${ROOT}/lib64" "${ROOT}/lib")
    file(GLOB library "${folder}/libdnnl.so.3*")
    if(library)
      list(SORT library)
      list(GET library 0 library)
      break()
    endif()
  endforeach()
  if(NOT library)
    list(APPEND _onednn_reasons "${ROOT}: headers of version ${version}, but no libdnnl.so.3*")
    set(_onednn_reasons "${_onednn_reasons}" PARENT_SCOPE)
    return()
  endif()
  set(_onednn_version "${version}" PARENT_SCOPE)
  set(_onednn_include "${include}" PARENT_SCOPE)
  set(_onednn_library "${library}" PARENT_SCOPE)
endfunction()

set(_onednn_reasons "")
if(ONEDNN_ROOT)
  set(_onednn_roots "${ONEDNN_ROOT}")
elseif(DEFINED ENV{ONEDNN_ROOT} AND NOT "$ENV{ONEDNN_ROOT}" STREQUAL "")
  set(_onednn_roots "$ENV{ONEDNN_ROOT}")
else()
  set(_onednn_cache "$ENV{XDG_CACHE_HOME}")
  if(NOT _onednn_cache)
    set(_onednn_cache "$ENV{HOME}/.cache")
  endif()
  file(GLOB _onednn_roots LIST_DIRECTORIES true "${_onednn_cache}/lora-mlir/onednn-*")
  list(APPEND _onednn_roots /usr/local /usr)
endif()

set(OneDNN_VERSION "")
foreach(_onednn_root IN LISTS _onednn_roots)
  _onednn_probe("${_onednn_root}")
  if(_onednn_version AND (NOT OneDNN_VERSION OR _onednn_version VERSION_GREATER OneDNN_VERSION))
    set(OneDNN_VERSION "${_onednn_version}")
    set(OneDNN_INCLUDE_DIR "${_onednn_include}")
    set(OneDNN_LIBRARY "${_onednn_library}")
  endif()
endforeach()

if(OneDNN_VERSION)
  set(_onednn_message "")
else()
  set(OneDNN_INCLUDE_DIR "")
  set(OneDNN_LIBRARY "")
  set(_onednn_message "oneDNN ${OneDNN_MINIMUM_VERSION} or newer (below 4, OpenMP) was not found.\n")
  foreach(_onednn_reason IN LISTS _onednn_reasons)
    string(APPEND _onednn_message "  of no use: ${_onednn_reason}\n")
  endforeach()
  list(JOIN _onednn_roots ", " _onednn_roots)
  string(APPEND _onednn_message
         "  looked in: ${_onednn_roots}\n"
         "  ./setup.sh --deps-only gets it, or name a folder of your own with include/ and lib/: -DONEDNN_ROOT=DIR\n")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDNN
  REQUIRED_VARS OneDNN_LIBRARY OneDNN_INCLUDE_DIR
  VERSION_VAR OneDNN_VERSION
  REASON_FAILURE_MESSAGE "\n${_onednn_message}")

if(OneDNN_FOUND AND NOT TARGET OneDNN::dnnl)
  add_library(OneDNN::headers INTERFACE IMPORTED)
  set_target_properties(OneDNN::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${OneDNN_INCLUDE_DIR}")
  add_library(OneDNN::dnnl SHARED IMPORTED)
  set_target_properties(OneDNN::dnnl PROPERTIES
    IMPORTED_LOCATION "${OneDNN_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OneDNN_INCLUDE_DIR}")
endif()
