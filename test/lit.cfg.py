# The lit suite: *.mlir for IR, *.test for everything that runs tools. Run by ./test.sh or `ninja check-lit`; one folder or
# file: /usr/lib/llvm-22/bin/lit -v build/test/Dialect/LoRA.
#
# Parameters:
#   verify_roundtrip=1   lora-opt runs with --verify-roundtrip
#   tools=DIR            programs are taken from DIR first: test.sh has a sanitized runtime there
#   quick=1              of a fixture, only the base and its first adapter
#
# Features: avx2, avx512, avx512bf16 (of this machine), onednn, lora-compile, lora-train and lora-bench (built), mount (this user may),
# unnamed-files (the file system of the tests has O_TMPFILE), make and packages (what builds programs, and .deb files, is here),
# few-threads (this user may limit those of another).
# Substitutions: %lora_build (the build folder), %fixtures (test/Fixtures), %examples (examples), %docs (docs), %include, %runtime_include and %build_include (this project's headers),
# %mlir_libs and %mlir_include (MLIR's libraries and headers), %cxx (the compiler that built this), %t and %s as everywhere.

import os
import re
import shutil
import subprocess

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

verify_roundtrip = lit_config.params.get("verify_roundtrip", "0") != "0"
quick = lit_config.params.get("quick", "0") != "0"

config.name = "LoRA-MLIR (round trip)" if verify_roundtrip else "LoRA-MLIR"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Fixtures", "Utils", "unit", "CMakeLists.txt", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
tools_dir = lit_config.params.get("tools")
config.test_exec_root = os.path.join(
    config.lora_build_dir, "test", "roundtrip" if verify_roundtrip else "sanitized" if tools_dir else "output"
)

config.substitutions.append(("%docs", os.path.join(config.lora_source_dir, "docs")))
config.substitutions.append(("%include", os.path.join(config.lora_source_dir, "include")))
config.substitutions.append(("%runtime_include", os.path.join(config.lora_source_dir, "runtime", "include")))
config.substitutions.append(("%build_include", os.path.join(config.lora_build_dir, "include")))
config.substitutions.append(("%mlir_include", os.path.join(os.path.dirname(config.llvm_tools_dir), "include")))
config.substitutions.append(("%cxx", config.lora_cxx_compiler))
config.substitutions.append(("%fixtures", os.path.join(config.lora_source_dir, "test", "Fixtures")))
config.substitutions.append(("%mlir_libs", os.path.join(os.path.dirname(config.llvm_tools_dir), "lib")))
config.substitutions.append(("%lora_build", config.lora_build_dir))
config.substitutions.append(("%examples", os.path.join(config.lora_source_dir, "examples")))

llvm_config.with_system_environment(["HOME", "XDG_CACHE_HOME", "ONEDNN_ROOT", "OMP_NUM_THREADS", "TMPDIR"])
# Code that tests make goes here and not into the user's cache; ./test.sh begins with an empty one.
llvm_config.with_environment("LORA_CACHE", os.path.join(config.lora_build_dir, "test", "cache"))
llvm_config.use_default_substitutions()
test_tools_dir = os.path.join(config.lora_build_dir, "test", "bin")
tool_dirs = ([tools_dir] if tools_dir else []) + [config.lora_tools_dir, test_tools_dir, config.llvm_tools_dir]
llvm_config.with_environment("PATH", tool_dirs, append_path=True)

lora_opt = ToolSubst("lora-opt", extra_args=["--verify-roundtrip"] if verify_roundtrip else [])
llvm_config.add_tool_substitutions(
    [lora_opt]
    + [ToolSubst(name, unresolved="ignore") for name in ("lora-import", "lora-compile", "lora-run", "lora-train", "lora-adapter", "lora-check", "lora-diff", "lora-bench", "lora-lsp-server", "lora-reduce")]
    + [ToolSubst("check-fixture", extra_args=["--first"] if quick else [])]
    + ["check-encoder", "check-rewind", "damage-safetensors", "make-adapter", "make-checkpoint", "payload-part", "split-file", "mlir-opt", "mlir-translate", "mlir-runner", "mlir-tblgen", "llvm-objdump", "llvm-nm", "llvm-readelf"],
    tool_dirs,
)

for name in ("lora-compile", "lora-train", "lora-bench"):
    if os.path.exists(os.path.join(config.lora_tools_dir, name)):
        config.available_features.add(name)

for feature, programs in {
    "make": ("cc", "cmake", "make", "pkg-config"),
    "packages": ("cpack", "dpkg-deb", "dpkg-shlibdeps", "file"),
}.items():
    if all(shutil.which(program) for program in programs):
        config.available_features.add(feature)

# Programs that compute use all cores. If many run at the same time, they wait for each other's threads. If two do, one computes
# while the other compiles or reads.
lit_config.parallelism_groups["compute"] = 2

try:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE).group(1).split())
except (OSError, AttributeError):
    flags = set()
for feature, needed in {
    "avx2": {"avx2", "fma", "f16c"},
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "avx512bf16": {"avx512_bf16"},
}.items():
    if needed <= flags:
        config.available_features.add(feature)
if os.path.exists(config.lora_onednn_library):
    config.available_features.add("onednn")

# For tests of full and read-only disks, and of limits of other users than root.
for feature, command in {
    "mount": ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
    "few-threads": [os.path.join(os.path.dirname(__file__), "Tools", "Inputs", "few-threads.sh"), "1", "true"],
}.items():
    try:
        result = subprocess.run(command, capture_output=True, env={**os.environ, "OUT": ""}, check=False)
        if result.returncode == 0 and not result.stdout:
            config.available_features.add(feature)
    except OSError:
        pass
try:
    os.makedirs(config.test_exec_root, exist_ok=True)
    os.close(os.open(config.test_exec_root, os.O_TMPFILE | os.O_WRONLY))
    config.available_features.add("unnamed-files")
except OSError:
    pass
