//===- CpuFeatures.cpp - Does this CPU have what the code needs? ----------===//
//
// Reads bits of the CPUID instruction: Intel's manual, volume 2A, table 3-8,
// and AMD's manual, volume 3, appendix E. Names are those of LLVM's
// getHostCPUFeatures. Extensions with their own registers also need support by
// the operating system (XGETBV).
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include <cpuid.h>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lora_rt {

namespace {

enum Register { EAX, EBX, ECX, EDX };
enum Saved : uint32_t { None = 0, Avx = 0x6, Avx512 = 0xe6, Amx = 0x60000 };

struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register reg;
  unsigned bit;
  Saved saved = None;
};

constexpr uint32_t extended = 0x80000001u, extended8 = 0x80000008u;

constexpr Feature table[] = {
    {"cx8", 1, 0, EDX, 8},
    {"cmov", 1, 0, EDX, 15},
    {"mmx", 1, 0, EDX, 23},
    {"fxsr", 1, 0, EDX, 24},
    {"sse", 1, 0, EDX, 25},
    {"sse2", 1, 0, EDX, 26},
    {"sse3", 1, 0, ECX, 0},
    {"pclmul", 1, 0, ECX, 1},
    {"ssse3", 1, 0, ECX, 9},
    {"fma", 1, 0, ECX, 12, Avx},
    {"cx16", 1, 0, ECX, 13},
    {"sse4.1", 1, 0, ECX, 19},
    {"sse4.2", 1, 0, ECX, 20},
    {"crc32", 1, 0, ECX, 20},
    {"movbe", 1, 0, ECX, 22},
    {"popcnt", 1, 0, ECX, 23},
    {"aes", 1, 0, ECX, 25},
    {"xsave", 1, 0, ECX, 27},
    {"avx", 1, 0, ECX, 28, Avx},
    {"f16c", 1, 0, ECX, 29, Avx},
    {"rdrnd", 1, 0, ECX, 30},
    {"fsgsbase", 7, 0, EBX, 0},
    {"sgx", 7, 0, EBX, 2},
    {"bmi", 7, 0, EBX, 3},
    {"avx2", 7, 0, EBX, 5, Avx},
    {"bmi2", 7, 0, EBX, 8},
    {"invpcid", 7, 0, EBX, 10},
    {"rtm", 7, 0, EBX, 11},
    {"avx512f", 7, 0, EBX, 16, Avx512},
    {"evex512", 7, 0, EBX, 16, Avx512},
    {"avx512dq", 7, 0, EBX, 17, Avx512},
    {"rdseed", 7, 0, EBX, 18},
    {"adx", 7, 0, EBX, 19},
    {"avx512ifma", 7, 0, EBX, 21, Avx512},
    {"clflushopt", 7, 0, EBX, 23},
    {"clwb", 7, 0, EBX, 24},
    {"avx512cd", 7, 0, EBX, 28, Avx512},
    {"sha", 7, 0, EBX, 29},
    {"avx512bw", 7, 0, EBX, 30, Avx512},
    {"avx512vl", 7, 0, EBX, 31, Avx512},
    {"avx512vbmi", 7, 0, ECX, 1, Avx512},
    {"pku", 7, 0, ECX, 4},
    {"waitpkg", 7, 0, ECX, 5},
    {"avx512vbmi2", 7, 0, ECX, 6, Avx512},
    {"shstk", 7, 0, ECX, 7},
    {"gfni", 7, 0, ECX, 8},
    {"vaes", 7, 0, ECX, 9, Avx},
    {"vpclmulqdq", 7, 0, ECX, 10, Avx},
    {"avx512vnni", 7, 0, ECX, 11, Avx512},
    {"avx512bitalg", 7, 0, ECX, 12, Avx512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Avx512},
    {"rdpid", 7, 0, ECX, 22},
    {"kl", 7, 0, ECX, 23},
    {"cldemote", 7, 0, ECX, 25},
    {"movdiri", 7, 0, ECX, 27},
    {"movdir64b", 7, 0, ECX, 28},
    {"enqcmd", 7, 0, ECX, 29},
    {"uintr", 7, 0, EDX, 5},
    {"avx512vp2intersect", 7, 0, EDX, 8, Avx512},
    {"serialize", 7, 0, EDX, 14},
    {"tsxldtrk", 7, 0, EDX, 16},
    {"pconfig", 7, 0, EDX, 18},
    {"amx-bf16", 7, 0, EDX, 22, Amx},
    {"avx512fp16", 7, 0, EDX, 23, Avx512},
    {"amx-tile", 7, 0, EDX, 24, Amx},
    {"amx-int8", 7, 0, EDX, 25, Amx},
    {"sha512", 7, 1, EAX, 0, Avx},
    {"sm3", 7, 1, EAX, 1, Avx},
    {"sm4", 7, 1, EAX, 2, Avx},
    {"raoint", 7, 1, EAX, 3},
    {"avxvnni", 7, 1, EAX, 4, Avx},
    {"avx512bf16", 7, 1, EAX, 5, Avx512},
    {"cmpccxadd", 7, 1, EAX, 7},
    {"amx-fp16", 7, 1, EAX, 21, Amx},
    {"hreset", 7, 1, EAX, 22},
    {"avxifma", 7, 1, EAX, 23, Avx},
    {"movrs", 7, 1, EAX, 31},
    {"avxvnniint8", 7, 1, EDX, 4, Avx},
    {"avxneconvert", 7, 1, EDX, 5, Avx},
    {"amx-complex", 7, 1, EDX, 8, Amx},
    {"avxvnniint16", 7, 1, EDX, 10, Avx},
    {"prefetchi", 7, 1, EDX, 14},
    {"usermsr", 7, 1, EDX, 15},
    {"avx10.1", 7, 1, EDX, 19, Avx512},
    {"xsaveopt", 0xd, 1, EAX, 0},
    {"xsavec", 0xd, 1, EAX, 1},
    {"xsaves", 0xd, 1, EAX, 3},
    {"ptwrite", 0x14, 0, EBX, 4},
    {"widekl", 0x19, 0, EBX, 2},
    {"sahf", extended, 0, ECX, 0},
    {"lzcnt", extended, 0, ECX, 5},
    {"sse4a", extended, 0, ECX, 6},
    {"prfchw", extended, 0, ECX, 8},
    {"xop", extended, 0, ECX, 11, Avx},
    {"lwp", extended, 0, ECX, 15},
    {"fma4", extended, 0, ECX, 16, Avx},
    {"tbm", extended, 0, ECX, 21},
    {"mwaitx", extended, 0, ECX, 29},
    {"64bit", extended, 0, EDX, 29},
    {"clzero", extended8, 0, EBX, 0},
    {"rdpru", extended8, 0, EBX, 4},
    {"wbnoinvd", extended8, 0, EBX, 9},
};

bool isPresent(const Feature &feature) {
  uint32_t basic = feature.leaf & 0x80000000u;
  if (__get_cpuid_max(basic, nullptr) < feature.leaf)
    return false;
  uint32_t regs[4];
  __cpuid_count(feature.leaf, feature.subleaf, regs[EAX], regs[EBX], regs[ECX],
                regs[EDX]);
  if (!(regs[feature.reg] >> feature.bit & 1))
    return false;
  if (feature.saved == None)
    return true;
  __cpuid(1, regs[EAX], regs[EBX], regs[ECX], regs[EDX]);
  if (!(regs[ECX] >> 27 & 1)) // OSXSAVE: XGETBV exists.
    return false;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & feature.saved) == feature.saved;
}

} // namespace

std::string cpuName() {
  uint32_t words[12];
  if (__get_cpuid_max(0x80000000u, nullptr) < 0x80000004u)
    return "an unknown CPU";
  for (uint32_t i = 0; i < 3; ++i)
    __cpuid(0x80000002u + i, words[4 * i], words[4 * i + 1], words[4 * i + 2],
            words[4 * i + 3]);
  char text[sizeof(words) + 1] = {};
  std::memcpy(text, words, sizeof(words));
  std::string name = text;
  size_t begin = name.find_first_not_of(' '), end = name.find_last_not_of(' ');
  return begin == std::string::npos ? "an unknown CPU"
                                    : name.substr(begin, end - begin + 1);
}

Error checkCpuFeatures(const std::vector<std::string> &features,
                       const std::string &cpu) {
  std::string missing;
  for (const std::string &name : features) {
    bool found = false;
    for (const Feature &feature : table)
      found |= feature.name == name && isPresent(feature);
    if (!found)
      missing += (missing.empty() ? "" : ", ") + name;
  }
  if (missing.empty())
    return Error::success();
  return makeError(ErrorCode::Unsupported, "this file was compiled for ", cpu,
                   " and needs instructions that this CPU (", cpuName(),
                   ") does not have: ", missing,
                   "; compile the model with --march for this machine, for "
                   "instance --march x86-64-v3");
}

} // namespace lora_rt
