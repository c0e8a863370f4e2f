// The kernels' own threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "kernels.hpp"

namespace elman {

// Threads that wait for work and exist until the process ends. They spin for a while before they sleep, because the
// forward and the backward pass follow each other closely.
class ThreadPool {
public:
    // Calls work(0) on the caller's thread and work(1) ... work(count - 1) on threads of the pool. Returns false,
    // without calling anything, if the pool is busy or a thread cannot be started.
    bool run(Index count, const std::function<void(Index)>& work);

private:
    bool start_threads(Index count);
    void serve(Index index, unsigned long round);

    std::mutex busy_;  // held by the caller of run
    std::mutex mutex_;
    std::condition_variable started_, finished_;
    std::atomic<unsigned long> round_{0};  // the number of calls of run
    std::atomic<Index> unfinished_{0};
    const std::function<void(Index)>* work_ = nullptr;
    Index count_ = 0;
    Index num_threads_ = 0;
};

// The pool of this process. A forked child has none of its parent's threads, so it gets a new pool.
ThreadPool& thread_pool();

}  // namespace elman
