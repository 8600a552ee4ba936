//===- Lapack.h - LAPACK and BLAS, opened when they are needed --*- C++ -*-===//
//
// OpenBLAS starts its threads when it is loaded, and ends the process if the
// system does not give them. So the first factorization loads it, after the
// number of threads was limited. Tools that need no factorization start without
// it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_SUPPORT_LAPACK_H
#define LORA_MLIR_LIB_SUPPORT_LAPACK_H

#include "lora-runtime/Error.h"

#include <cblas.h>
#include <lapacke.h>

namespace lora {

/// The functions that this project uses.
struct Lapack {
  decltype(&::LAPACKE_dgesdd) dgesdd;
  decltype(&::LAPACKE_dsyevr) dsyevr;
  decltype(&::LAPACKE_dgelqf) dgelqf;
  decltype(&::LAPACKE_dorglq) dorglq;
  decltype(&::cblas_dgemm) dgemm;
  decltype(&::cblas_dsyrk) dsyrk;
};

/// Opens the libraries once; they stay open.
lora_rt::Error openLapack();

/// The functions, after openLapack has succeeded.
const Lapack &lapack();

} // namespace lora

#endif // LORA_MLIR_LIB_SUPPORT_LAPACK_H
