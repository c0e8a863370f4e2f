// Memory that is used again: a tape has megabytes, and new pages cost more time than the arithmetic on them.
#pragma once

#include <cstddef>
#include <utility>

#include "kernels.hpp"

namespace elman {

// A block of at least `bytes`, aligned to a cache line and not initialized. When the object is destroyed, the block is
// kept for the next Buffer of about that size.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t bytes);
    ~Buffer();
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    void* data() const { return data_; }

private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

// Scratch memory for each of several threads.
class ThreadScratch {
public:
    ThreadScratch(Index bytes_per_thread, Index threads)
        : bytes_(bytes_per_thread), buffer_(std::size_t(bytes_per_thread * threads)) {}

    void* of(Index thread) const { return static_cast<char*>(buffer_.data()) + bytes_ * thread; }

private:
    Index bytes_;
    Buffer buffer_;
};

// Returns the memory of destroyed Buffers to the system.
void release_idle_memory();

// Makes malloc keep up to 62 MB of freed memory. By default, glibc returns the top of its heap to the system whenever
// twice the largest array that was freed so far is free. A program with small tensors then gets new pages in every
// training step. Does nothing if the C library is not glibc.
void keep_freed_memory();

}  // namespace elman
