// Waiting without sleeping: a step of a layer takes microseconds, less than it takes to wake up a thread.
#pragma once

#include <atomic>
#include <thread>

#include "kernels.hpp"

namespace elman {

constexpr int kSpins = 4000;  // some tens of microseconds

inline void pause_processor() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// A barrier for the threads of a team. The last thread that arrives releases the others and resets the barrier.
class SpinBarrier {
public:
    explicit SpinBarrier(Index size = 1) : size_(size) {}

    // Every thread of the team sets the same size before it waits for the first time.
    void set_size(Index size) { size_ = size; }

    // The ThreadTeam of one of its threads.
    ThreadTeam team(Index thread, Index size) {
        ThreadTeam team;
        team.thread = thread;
        team.size = size;
        team.wait = [](void* barrier) { static_cast<SpinBarrier*>(barrier)->wait(); };
        team.barrier = this;
        return team;
    }

    void wait() {
        const unsigned long round = round_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (int i = 0; round_.load(std::memory_order_acquire) == round; ++i)
            i < kSpins ? pause_processor() : std::this_thread::yield();
    }

private:
    std::atomic<Index> size_;
    std::atomic<Index> arrived_{0};
    std::atomic<unsigned long> round_{0};
};

}  // namespace elman
