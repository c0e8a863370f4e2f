// Blocks of memory that are used again: a tape is megabytes, and fresh pages cost more than the arithmetic on them.
#pragma once

#include <cstddef>

namespace elman {

// A block of at least `bytes`, aligned to a cache line, its content undefined; given back when the object goes.
class Memory {
public:
    Memory() = default;
    explicit Memory(std::size_t bytes);
    ~Memory();
    Memory(Memory&& other) noexcept;
    Memory& operator=(Memory&& other) noexcept;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    template <class T>
    T* as() const { return static_cast<T*>(data_); }

private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

// Gives idle blocks back to the system.
void release_idle_memory();

// Has malloc keep up to 64 MB of what is freed. glibc's gives the top of its heap back to the system whenever more is free
// than twice the largest array freed so far: a program whose tensors are all small pays for the same pages at every
// training step. Freeing one large array is how it learns.
void keep_freed_memory();

}  // namespace elman
