#include <stdexcept>

#include "quantized_stack.hpp"

#if defined(ELMAN_HAS_NEONDOT) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace elman {

#define ELMAN_DECLARE(isa)                           \
    namespace isa {                                  \
    extern const QuantizedKernels quantized_kernels; \
    }
#ifdef ELMAN_HAS_AVX512VNNI
ELMAN_DECLARE(avx512vnni)
#endif
#ifdef ELMAN_HAS_AVXVNNI
ELMAN_DECLARE(avxvnni)
#endif
#ifdef ELMAN_HAS_AVX2
ELMAN_DECLARE(avx2)
#endif
#ifdef ELMAN_HAS_NEONDOT
ELMAN_DECLARE(neondot)
#endif
#ifdef ELMAN_HAS_NEON
ELMAN_DECLARE(neon)
#endif
ELMAN_DECLARE(plain)

namespace {

#ifdef ELMAN_HAS_AVXVNNI
// __builtin_cpu_supports knows this name only in recent compilers: CPUID leaf 7, subleaf 1, bit 4 of eax. The system
// saves the registers if it does so for avx2.
bool has_avxvnni() {
    unsigned eax = 7, ebx = 0, ecx = 1, edx = 0;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    const bool has_bit = (eax >> 4 & 1) != 0;
    eax = 7;
    ecx = 0;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return eax >= 1 && has_bit && __builtin_cpu_supports("avx2");  // eax: the largest subleaf
}
#endif

#ifdef ELMAN_HAS_NEONDOT
bool has_dot_products() {
#ifdef __linux__
    constexpr unsigned long kAsimdDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
    return (getauxval(AT_HWCAP) & kAsimdDotProducts) != 0;
#else
    return true;  // every 64-bit Arm processor of Apple has them
#endif
}
#endif

std::vector<const QuantizedKernels*> detect() {
    std::vector<const QuantizedKernels*> sets;
#ifdef ELMAN_HAS_AVX2
    __builtin_cpu_init();  // which not every compiler's runtime has done by now
#endif
#ifdef ELMAN_HAS_AVX512VNNI
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
        sets.push_back(&avx512vnni::quantized_kernels);
#endif
#ifdef ELMAN_HAS_AVXVNNI
    if (has_avxvnni()) sets.push_back(&avxvnni::quantized_kernels);
#endif
#ifdef ELMAN_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) sets.push_back(&avx2::quantized_kernels);
#endif
#ifdef ELMAN_HAS_NEONDOT
    if (has_dot_products()) sets.push_back(&neondot::quantized_kernels);
#endif
#ifdef ELMAN_HAS_NEON
    sets.push_back(&neon::quantized_kernels);
#endif
    sets.push_back(&plain::quantized_kernels);
    return sets;
}

const std::vector<const QuantizedKernels*>& supported_sets() {
    static const std::vector<const QuantizedKernels*> sets = detect();
    return sets;
}

const QuantizedKernels*& current() {
    static const QuantizedKernels* kernels = supported_sets().front();
    return kernels;
}

}  // namespace

const QuantizedKernels& quantized_kernels() { return *current(); }

std::vector<std::string> quantized_instruction_sets() {
    std::vector<std::string> names;
    for (const QuantizedKernels* kernels : supported_sets()) names.emplace_back(kernels->name);
    return names;
}

void use_quantized_instruction_set(const std::string& name) {
    for (const QuantizedKernels* kernels : supported_sets())
        if (name == kernels->name) {
            current() = kernels;
            return;
        }
    throw std::invalid_argument("unknown instruction set '" + name + "'");
}

void follow_instruction_set(const std::string& family) {
    for (const QuantizedKernels* kernels : supported_sets())
        if (family == kernels->family) {
            current() = kernels;
            return;
        }
    // avx512 without products of bytes: the best of the others
    current() = supported_sets().front();
}

}  // namespace elman
