#include "dispatch.hpp"

#include <stdexcept>

namespace elman {

#define ELMAN_DECLARE(isa)                \
    namespace isa {                       \
    extern const Kernels<float> floats;   \
    extern const Kernels<double> doubles; \
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

struct Set {
    const Kernels<float>* floats;
    const Kernels<double>* doubles;
};

std::vector<Set> sets_of_this_machine() {
    std::vector<Set> sets;
#ifdef ELMAN_HAS_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        sets.push_back({&avx512::floats, &avx512::doubles});
#endif
#ifdef ELMAN_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back({&avx2::floats, &avx2::doubles});
#endif
#ifdef ELMAN_HAS_NEON
    sets.push_back({&neon::floats, &neon::doubles});
#endif
    sets.push_back({&plain::floats, &plain::doubles});
    return sets;
}

const std::vector<Set>& sets() {
    static const std::vector<Set> all = sets_of_this_machine();
    return all;
}

Set& current() {
    static Set set = sets().front();
    return set;
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
    return *current().floats;
}

template <>
const Kernels<double>& kernels<double>() {
    return *current().doubles;
}

std::vector<std::string> instruction_sets() {
    std::vector<std::string> names;
    for (const Set& set : sets()) names.emplace_back(set.floats->name);
    return names;
}

void use_instruction_set(const std::string& name) {
    for (const Set& set : sets())
        if (name == set.floats->name) {
            current() = set;
            return;
        }
    throw std::invalid_argument("unknown instruction set '" + name + "'");
}

}  // namespace elman
