#include "dispatch.hpp"

#include <stdexcept>

namespace elman {

#define ELMAN_DECLARE(isa)                       \
    namespace isa {                              \
    extern const Kernels<float> float_kernels;   \
    extern const Kernels<double> double_kernels; \
    }
#ifdef ELMAN_HAS_AVX512
ELMAN_DECLARE(avx512)
#endif
#ifdef ELMAN_HAS_AVX2
ELMAN_DECLARE(avx2)
#endif
#ifdef ELMAN_HAS_NEON
ELMAN_DECLARE(neon)
#endif
ELMAN_DECLARE(plain)

namespace {

struct InstructionSet {
    const Kernels<float>* float_kernels;
    const Kernels<double>* double_kernels;
};

std::vector<InstructionSet> detect_instruction_sets() {
    std::vector<InstructionSet> sets;
#ifdef ELMAN_HAS_AVX2
    __builtin_cpu_init();  // which not every compiler's runtime has done by now
#endif
#ifdef ELMAN_HAS_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        sets.push_back({&avx512::float_kernels, &avx512::double_kernels});
#endif
#ifdef ELMAN_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets.push_back({&avx2::float_kernels, &avx2::double_kernels});
#endif
#ifdef ELMAN_HAS_NEON
    sets.push_back({&neon::float_kernels, &neon::double_kernels});
#endif
    sets.push_back({&plain::float_kernels, &plain::double_kernels});
    return sets;
}

const std::vector<InstructionSet>& supported_sets() {
    static const std::vector<InstructionSet> sets = detect_instruction_sets();
    return sets;
}

InstructionSet& current() {
    static InstructionSet set = supported_sets().front();
    return set;
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
    return *current().float_kernels;
}

template <>
const Kernels<double>& kernels<double>() {
    return *current().double_kernels;
}

std::vector<std::string> instruction_sets() {
    std::vector<std::string> names;
    for (const InstructionSet& set : supported_sets()) names.emplace_back(set.float_kernels->name);
    return names;
}

void use_instruction_set(const std::string& name) {
    for (const InstructionSet& set : supported_sets())
        if (name == set.float_kernels->name) {
            current() = set;
            return;
        }
    throw std::invalid_argument("unknown instruction set '" + name + "'");
}

}  // namespace elman
