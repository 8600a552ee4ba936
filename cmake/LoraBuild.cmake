# Build rules shared by every folder: how the distro's MLIR is found, how a compiler library, a tool and a unit test
# are declared, and how the references in docs/ are generated and checked.

# Finds MLIR/LLVM 22 as the distro packages it and sets the flags that its headers need.
macro(lora_find_mlir)
  find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
  list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
  include(TableGen)
  include(AddLLVM)
  include(AddMLIR)
  separate_arguments(LORA_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  set(LORA_MLIR_INCLUDE_DIRS ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  include_directories(SYSTEM ${LORA_MLIR_INCLUDE_DIRS})
  include_directories(${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)

  # One precompiled header for everything that includes MLIR.
  add_library(lora_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/Precompiled.cpp)
  lora_compiler_flags(lora_pch)
  target_precompile_headers(lora_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/Precompiled.h)
endmacro()

# Flags of code that includes MLIR. NDEBUG is always set, because the size of Pass::Statistic depends on it, and
# the distro's package is built with it.
function(lora_compiler_flags target)
  target_compile_definitions(${target} PRIVATE ${LORA_LLVM_DEFINITIONS} NDEBUG)
  target_compile_options(${target} PRIVATE -fno-exceptions -Wall -Wextra -Wno-unused-parameter)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# lora_config_readers(VARIABLE): the sources that read config.json. They do not use MLIR, so fuzzers and sanitized
# tests can compile them again.
function(lora_config_readers variable)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/Import/Config/*.cpp)
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# lora_add_library(NAME SOURCES... [DEPENDS tablegen targets] [LINK libraries of this project]): a compiler
# library. MLIR is always the shared library: linking its static libraries would add a second copy beside
# libMLIR.so.
function(lora_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  lora_compiler_flags(${name})
  target_precompile_headers(${name} REUSE_FROM lora_pch)
  add_dependencies(${name} lora-mlir-headers ${ARG_DEPENDS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

# lora_add_folder_library(NAME [LINK libraries]): a compiler library of all sources in the current folder and the
# folders below it. Without sources, it adds nothing. A new pass is a new file, without a change here.
function(lora_add_folder_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    lora_add_library(${name} ${sources} ${ARGN})
  endif()
endfunction()

# lora_add_tool(NAME SOURCES... [LINK libraries] [NOT_INSTALLED] [DEVELOPMENT]): an executable in build/bin that may use
# MLIR. DEVELOPMENT: one for people who write IR and passes.
function(lora_add_tool name)
  cmake_parse_arguments(ARG "NOT_INSTALLED;DEVELOPMENT" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  lora_compiler_flags(${name})
  # -fPIC rather than -fPIE: the precompiled header was made with it.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM lora_pch)
  add_dependencies(${name} lora-mlir-headers)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  if(ARG_DEVELOPMENT)
    lora_install_tools(${name} COMPONENT irtools)
  elseif(NOT ARG_NOT_INSTALLED)
    lora_install_tools(${name})
  endif()
endfunction()

# lora_add_unit_test(NAME SOURCES... [PREFIX text] [LINK libraries]): a GoogleTest program that ctest runs. The names of
# the tests begin with the prefix, for a program that has the tests of another one.
function(lora_add_unit_test name)
  cmake_parse_arguments(ARG "" "PREFIX" "LINK" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE ${LORA_LLVM_DEFINITIONS} NDEBUG)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${ARG_PREFIX}")
  set_property(GLOBAL APPEND PROPERTY LORA_UNIT_TESTS ${name})
endfunction()

# lora_add_dialect(NAME PREFIX): TableGen of include/lora-mlir/Dialect/NAME/IR/PREFIXOps.td (dialect, ops, types,
# attributes, enums) and its reference docs/Dialects/NAME.md.
function(lora_add_dialect name dialect)
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${dialect})
  mlir_tablegen(${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${dialect})
  mlir_tablegen(${name}Attributes.h.inc -gen-attrdef-decls -attrdefs-dialect=${dialect})
  mlir_tablegen(${name}Attributes.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${dialect})
  mlir_tablegen(${name}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${dialect})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${dialect})
  add_public_tablegen_target(Lora${name}OpsIncGen)
  add_dependencies(lora-mlir-headers Lora${name}OpsIncGen)
  set_property(GLOBAL APPEND PROPERTY LORA_DOCS
    "Dialects/${name}.md|${CMAKE_CURRENT_SOURCE_DIR}/${name}Ops.td|-gen-dialect-doc|-dialect=${dialect}")
endfunction()

# lora_add_interface(FILE ops|attrs): TableGen of an interface declared in FILE.td.
function(lora_add_interface file kind)
  set(LLVM_TARGET_DEFINITIONS ${file}.td)
  if(kind STREQUAL ops)
    mlir_tablegen(${file}.h.inc -gen-op-interface-decls)
    mlir_tablegen(${file}.cpp.inc -gen-op-interface-defs)
  else()
    mlir_tablegen(${file}.h.inc -gen-attr-interface-decls)
    mlir_tablegen(${file}.cpp.inc -gen-attr-interface-defs)
  endif()
  add_public_tablegen_target(Lora${file}IncGen)
  add_dependencies(lora-mlir-headers Lora${file}IncGen)
endfunction()

# lora_add_passes(GROUP DOC): TableGen of Passes.td in the current folder and its reference docs/Passes/DOC.md.
function(lora_add_passes group doc)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${group})
  add_public_tablegen_target(Lora${group}PassesIncGen)
  add_dependencies(lora-mlir-headers Lora${group}PassesIncGen)
  set_property(GLOBAL APPEND PROPERTY LORA_DOCS
    "Passes/${doc}.md|${CMAKE_CURRENT_SOURCE_DIR}/Passes.td|-dump-json|")
endfunction()

# Targets `docs` (writes docs/Dialects and docs/Passes) and `check-docs` (fails when they are not up to date). Dialects are
# described by mlir-tblgen, passes and pipelines by lora-docs.
function(lora_add_docs_targets)
  find_program(LLVM_TBLGEN_FOR_DOCS llvm-tblgen HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
  set(example ${PROJECT_SOURCE_DIR}/utils/lora-docs/pipelines.mlir)
  get_property(entries GLOBAL PROPERTY LORA_DOCS)
  list(APPEND entries "Passes/Pipelines.md|${example}|pipelines|")
  set(generate)
  set(check)
  foreach(entry IN LISTS entries)
    string(REPLACE "|" ";" parts "${entry}")
    list(GET parts 0 page)
    list(GET parts 1 source)
    list(GET parts 2 mode)
    list(GET parts 3 extra)
    get_filename_component(folder ${page} DIRECTORY)
    set(built ${PROJECT_BINARY_DIR}/docs/${page})
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/docs/${folder})
    set(includes -I ${PROJECT_SOURCE_DIR}/include)
    foreach(dir ${MLIR_INCLUDE_DIRS})
      list(APPEND includes -I ${dir})
    endforeach()
    if(mode STREQUAL "pipelines")
      set(commands COMMAND lora-docs pipelines ${source} ${built})
    elseif(mode STREQUAL "-dump-json")
      set(commands COMMAND ${LLVM_TBLGEN_FOR_DOCS} -dump-json ${source} ${includes} -o ${built}.json
        COMMAND lora-docs passes ${built}.json ${built})
    else()
      set(commands COMMAND $<TARGET_FILE:mlir-tblgen> ${mode} ${extra} ${source} ${includes} -o ${built})
    endif()
    list(APPEND generate ${commands}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_SOURCE_DIR}/docs/${folder}
      COMMAND ${CMAKE_COMMAND} -E copy ${built} ${PROJECT_SOURCE_DIR}/docs/${page})
    list(APPEND check ${commands}
      COMMAND ${CMAKE_COMMAND} -E compare_files ${built} ${PROJECT_SOURCE_DIR}/docs/${page})
  endforeach()
  add_custom_target(docs ${generate} VERBATIM COMMENT "Writing the generated references in docs/")
  add_custom_target(check-docs ${check} VERBATIM
    COMMENT "Checking docs/Dialects and docs/Passes; if this fails, run: ninja docs")
  add_dependencies(docs lora-docs)
  add_dependencies(check-docs lora-docs)
endfunction()
