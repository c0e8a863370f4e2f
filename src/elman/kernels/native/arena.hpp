// Divides one block of memory into arrays.
#pragma once

#include "kernels.hpp"

namespace elman {

// Hands out arrays one after another, each aligned to a cache line.
//
// An arena without memory returns null pointers and only counts bytes. The function that assigns the arrays is
// therefore called twice: once to measure, and once with a block of that size. So no size is computed in two places.
class Arena {
public:
    Arena() = default;
    explicit Arena(void* memory) : memory_(static_cast<char*>(memory)) {}

    template <class T>
    T* take(Index count) {
        T* array = memory_ ? reinterpret_cast<T*>(memory_ + bytes_) : nullptr;
        bytes_ += (count * Index(sizeof(T)) + kCacheLine - 1) / kCacheLine * kCacheLine;
        return array;
    }

    Index bytes() const { return bytes_; }  // of all arrays so far

private:
    static constexpr Index kCacheLine = 64;
    char* memory_ = nullptr;
    Index bytes_ = 0;
};

}  // namespace elman
