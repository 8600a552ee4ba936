//===- Lapack.cpp - LAPACK and BLAS, opened when they are needed ----------===//
//
// Opens the libraries with dlopen, after it has set how many threads OpenBLAS
// may start. A missing library or function is an error with the package that
// has it.
//
//===----------------------------------------------------------------------===//

#include "Lapack.h"
#include "lora-runtime/Thread.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <thread>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

/// Lowers the number of threads if the system does not permit as many as the
/// library would start. Otherwise it changes nothing.
static void limitThreads() {
  unsigned wanted = std::max(1u, std::thread::hardware_concurrency());
  for (const char *name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char *set = std::getenv(name); set && std::atoi(set) > 0) {
      wanted = std::min(wanted, unsigned(std::atoi(set)));
      break;
    }
  unsigned possible = 1 + lora_rt::startableThreads(wanted - 1);
  if (possible < wanted)
    setenv("OPENBLAS_NUM_THREADS", std::to_string(possible).c_str(), 1);
}

static Expected<Lapack> open() {
  limitThreads();
  Lapack lapack = {};
  for (auto [file, names] :
       {std::pair(LORA_CBLAS_LIBRARY, "BLAS"),
        std::pair(LORA_LAPACKE_LIBRARY, "LAPACKE, package liblapacke")}) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return makeError(ErrorCode::System, "cannot open ", file, " (", names,
                       "), which factorizes matrices: ", dlerror());
    auto find = [&](auto &function, const char *name) {
      if (void *symbol = dlsym(library, name))
        function = reinterpret_cast<std::decay_t<decltype(function)>>(symbol);
    };
    find(lapack.dgesdd, "LAPACKE_dgesdd");
    find(lapack.dsyevr, "LAPACKE_dsyevr");
    find(lapack.dgelqf, "LAPACKE_dgelqf");
    find(lapack.dorglq, "LAPACKE_dorglq");
    find(lapack.dgemm, "cblas_dgemm");
    find(lapack.dsyrk, "cblas_dsyrk");
  }
  if (!lapack.dgesdd || !lapack.dsyevr || !lapack.dgelqf || !lapack.dorglq ||
      !lapack.dgemm || !lapack.dsyrk)
    return makeError(ErrorCode::System, LORA_LAPACKE_LIBRARY, " and ",
                     LORA_CBLAS_LIBRARY,
                     ": one of the functions that factorize matrices is "
                     "missing; install liblapacke and libopenblas0");
  return lapack;
}

static const Expected<Lapack> &opened() {
  static const auto *libraries = new Expected<Lapack>(open());
  return *libraries;
}

Error lora::openLapack() {
  if (opened())
    return Error::success();
  return makeError(ErrorCode::System, opened().message());
}

const Lapack &lora::lapack() { return *opened(); }
