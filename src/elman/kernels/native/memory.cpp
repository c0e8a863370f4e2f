#include "memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace elman {
namespace {

constexpr std::size_t kLine = 64, kHugePage = std::size_t{2} << 20, kMostIdle = std::size_t{1} << 30;

struct Block {
    void* data;
    unsigned long since;
};

// Idle blocks by size. Never destroyed: tapes may outlive the end of the module.
struct Idle {
    std::mutex mutex;
    std::multimap<std::size_t, Block> blocks;
    std::size_t bytes = 0;
    unsigned long time = 0;

    void take(std::size_t size, void* data) {
        blocks.emplace(size, Block{data, ++time});
        bytes += size;
        while (bytes > kMostIdle) {  // sizes that nobody asks for any more give way to those in use
            const auto oldest = std::min_element(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) {
                return a.second.since < b.second.since;
            });
            bytes -= oldest->first;
            std::free(oldest->second.data);
            blocks.erase(oldest);
        }
    }
};

Idle& idle() {
    static Idle* const all = new Idle;
    return *all;
}

void* fresh(std::size_t bytes) {
    const bool large = bytes >= kHugePage;
    void* data = std::aligned_alloc(large ? kHugePage : kLine, bytes);
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(data, bytes, MADV_HUGEPAGE);  // a wish: refused where the system has no large pages
#endif
    return data;
}

}  // namespace

Memory::Memory(std::size_t bytes) {
    const std::size_t grain = bytes >= kHugePage ? kHugePage : bytes >= 65536 ? std::size_t{4096} : kLine;
    bytes_ = std::max((bytes + grain - 1) / grain * grain, grain);
    {
        Idle& all = idle();
        const std::lock_guard<std::mutex> lock(all.mutex);
        const auto found = all.blocks.lower_bound(bytes_);
        if (found != all.blocks.end() && found->first <= bytes_ + bytes_ / 4) {
            bytes_ = found->first;
            data_ = found->second.data;
            all.bytes -= bytes_;
            all.blocks.erase(found);
            return;
        }
    }
    data_ = fresh(bytes_);
}

Memory::~Memory() {
    if (!data_) return;
    Idle& all = idle();
    const std::lock_guard<std::mutex> lock(all.mutex);
    all.take(bytes_, data_);
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

void release_idle_memory() {
    Idle& all = idle();
    const std::lock_guard<std::mutex> lock(all.mutex);
    for (const auto& block : all.blocks) std::free(block.second.data);
    all.blocks.clear();
    all.bytes = 0;
}

void keep_freed_memory() {
    void* volatile large = std::malloc(std::size_t{31} << 20);  // volatile: or the compiler leaves both calls out
    std::free(large);
}

}  // namespace elman
