#include "memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace elman {
namespace {

constexpr std::size_t kCacheLine = 64, kPage = 4096, kHugePage = std::size_t{2} << 20;
constexpr std::size_t kManyPages = 16 * kPage;               // blocks from here on have a multiple of a page
constexpr std::size_t kMaxIdleBytes = std::size_t{1} << 30;  // of all idle blocks together

void* allocate(std::size_t bytes) {
    const bool large = bytes >= kHugePage;
    void* data = std::aligned_alloc(large ? kHugePage : kCacheLine, bytes);
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(data, bytes, MADV_HUGEPAGE);  // may fail, then the block has small pages
#endif
    return data;
}

// The blocks of destroyed Buffers.
class IdleBlocks {
public:
    // Returns a block of `bytes` or up to a quarter more, or null. Sets `bytes` to its size.
    void* take(std::size_t& bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto block = blocks_.lower_bound(bytes);
        if (block == blocks_.end() || block->first > bytes + bytes / 4) return nullptr;
        void* data = block->second.data;
        bytes = block->first;
        total_bytes_ -= bytes;
        blocks_.erase(block);
        return data;
    }

    void put(std::size_t bytes, void* data) {
        const std::lock_guard<std::mutex> lock(mutex_);
        blocks_.emplace(bytes, Block{data, ++time_});
        total_bytes_ += bytes;
        while (total_bytes_ > kMaxIdleBytes) free_oldest();
    }

    void free_all() {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const auto& block : blocks_) std::free(block.second.data);
        blocks_.clear();
        total_bytes_ = 0;
    }

private:
    struct Block {
        void* data;
        unsigned long idle_since;
    };

    void free_oldest() {
        const auto oldest = std::min_element(blocks_.begin(), blocks_.end(), [](const auto& a, const auto& b) {
            return a.second.idle_since < b.second.idle_since;
        });
        total_bytes_ -= oldest->first;
        std::free(oldest->second.data);
        blocks_.erase(oldest);
    }

    std::mutex mutex_;
    std::multimap<std::size_t, Block> blocks_;  // by size
    std::size_t total_bytes_ = 0;
    unsigned long time_ = 0;
};

IdleBlocks& idle_blocks() {
    static auto* const blocks = new IdleBlocks;  // never destroyed: a tape may be destroyed after the module
    return *blocks;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) {
    const std::size_t unit = bytes >= kHugePage ? kHugePage : bytes >= kManyPages ? kPage : kCacheLine;
    bytes_ = std::max((bytes + unit - 1) / unit * unit, unit);
    data_ = idle_blocks().take(bytes_);
    if (!data_) data_ = allocate(bytes_);
}

Buffer::~Buffer() {
    if (data_) idle_blocks().put(bytes_, data_);
}

void release_idle_memory() { idle_blocks().free_all(); }

void keep_freed_memory() {
#if defined(__GLIBC__)
    constexpr int kLargestInHeap = 31 << 20;  // larger arrays have pages of their own; 32 MB is glibc's limit
    mallopt(M_MMAP_THRESHOLD, kLargestInHeap);
    mallopt(M_TRIM_THRESHOLD, 2 * kLargestInHeap);
#endif
}

}  // namespace elman
