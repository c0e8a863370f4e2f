// What the kernels need from their surroundings, in a WebAssembly module: one thread, one instruction set, and memory
// from malloc. Takes the place of parallel.cpp, thread_pool.cpp, openmp.cpp, dispatch.cpp and memory.cpp.

#include <cstdlib>
#include <functional>

#include "dispatch.hpp"
#include "memory.hpp"
#include "parallel.hpp"

namespace elman {

namespace ELMAN_ISA {
extern const Kernels<float> float_kernels;
extern const Kernels<double> double_kernels;
}  // namespace ELMAN_ISA

template <>
const Kernels<float>& kernels<float>() {
    return ELMAN_ISA::float_kernels;
}

template <>
const Kernels<double>& kernels<double>() {
    return ELMAN_ISA::double_kernels;
}

void parallel_for(Index count, const std::function<void(Index)>& work) {
    for (Index i = 0; i < count; ++i) work(i);
}

void parallel_team(Index, const std::function<void(const ThreadTeam&)>& work) { work(ThreadTeam()); }

constexpr std::size_t kCacheLine = 64;

Buffer::Buffer(std::size_t bytes) : bytes_((bytes + kCacheLine - 1) / kCacheLine * kCacheLine) {
    if (bytes_ == 0) bytes_ = kCacheLine;
    data_ = std::aligned_alloc(kCacheLine, bytes_);
    if (!data_) __builtin_trap();  // the caller sees a RuntimeError of WebAssembly
}

Buffer::~Buffer() { std::free(data_); }

}  // namespace elman

// Without these two, the C++ library would bring printf, to say why it stops.
extern "C" [[noreturn]] void __cxa_pure_virtual() { __builtin_trap(); }

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD
