#include "thread_pool.hpp"

#include <system_error>
#include <thread>

#include "spin_barrier.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace elman {
namespace {

// Spins for a while, then sleeps until `ready`. The thread that changes `ready` must lock the mutex and notify.
template <class Ready>
void wait(std::mutex& mutex, std::condition_variable& changed, Ready ready) {
    for (int i = 0; i < kSpins; ++i) {
        if (ready()) return;
        pause_processor();
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, ready);
}

}  // namespace

bool ThreadPool::run(Index count, const std::function<void(Index)>& work) {
    const std::unique_lock<std::mutex> busy(busy_, std::try_to_lock);
    if (!busy || !start_threads(count - 1)) return false;
    unfinished_.store(count - 1, std::memory_order_relaxed);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        work_ = &work;
        count_ = count;
        round_.fetch_add(1, std::memory_order_release);
    }
    started_.notify_all();
    work(0);
    wait(mutex_, finished_, [this] { return unfinished_.load(std::memory_order_acquire) == 0; });
    return true;
}

bool ThreadPool::start_threads(Index count) {
    try {
        while (num_threads_ < count) {
            std::thread(&ThreadPool::serve, this, num_threads_ + 1, round_.load()).detach();
            ++num_threads_;
        }
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

void ThreadPool::serve(Index index, unsigned long round) {
    for (;;) {
        wait(mutex_, started_, [&] { return round_.load(std::memory_order_acquire) != round; });
        const std::function<void(Index)>* work = nullptr;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            round = round_.load(std::memory_order_relaxed);
            if (index < count_) work = work_;
        }
        if (!work) continue;
        (*work)(index);
        if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            const std::lock_guard<std::mutex> lock(mutex_);
            finished_.notify_one();
        }
    }
}

namespace {

// Pools are never destroyed, because their threads wait in them.
std::atomic<ThreadPool*>& current_pool() {
    static std::atomic<ThreadPool*> pool{[] {
#if defined(__unix__) || defined(__APPLE__)
        pthread_atfork(nullptr, nullptr, [] { current_pool().store(new ThreadPool); });
#endif
        return new ThreadPool;
    }()};
    return pool;
}

}  // namespace

ThreadPool& thread_pool() { return *current_pool().load(); }

}  // namespace elman
