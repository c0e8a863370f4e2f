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

}  // namespace elman
