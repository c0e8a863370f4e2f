#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#include <pthread.h>
#endif

namespace elman {
namespace {

constexpr int kSpins = 4000;  // some tens of microseconds: forward and backward follow each other closely

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins for a while, then sleeps until `ready`; whoever makes it ready must lock the mutex and notify.
template <class Ready>
void wait(std::mutex& mutex, std::condition_variable& changed, Ready ready) {
    for (int i = 0; i < kSpins; ++i) {
        if (ready()) return;
        pause();
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, ready);
}

class Pool {
public:
    // Returns false where the threads are busy, or cannot be had: then nothing was called.
    bool run(Index shares, const std::function<void(Index)>& work) {
        const std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
        if (!mine || !enough(shares - 1)) return false;
        left_.store(shares - 1, std::memory_order_relaxed);
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            work_ = &work;
            shares_ = shares;
            round_.fetch_add(1, std::memory_order_release);
        }
        begun_.notify_all();
        work(0);
        wait(mutex_, ended_, [this] { return left_.load(std::memory_order_acquire) == 0; });
        return true;
    }

private:
    bool enough(Index workers) {
        try {
            while (Index(workers_) < workers) {
                std::thread(&Pool::serve, this, Index(workers_) + 1, round_.load()).detach();
                ++workers_;
            }
        } catch (const std::system_error&) {
            return false;
        }
        return true;
    }

    void serve(Index share, unsigned long seen) {
        for (;;) {
            wait(mutex_, begun_, [&] { return round_.load(std::memory_order_acquire) != seen; });
            const std::function<void(Index)>* work = nullptr;
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                seen = round_.load(std::memory_order_relaxed);
                if (share < shares_) work = work_;
            }
            if (!work) continue;
            (*work)(share);
            if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                const std::lock_guard<std::mutex> lock(mutex_);
                ended_.notify_one();
            }
        }
    }

    std::mutex busy_, mutex_;
    std::condition_variable begun_, ended_;
    std::atomic<unsigned long> round_{0};
    std::atomic<Index> left_{0};
    const std::function<void(Index)>* work_ = nullptr;
    Index shares_ = 0;
    Index workers_ = 0;
};

// The entry points of an OpenMP runtime: of GCC's, which clang's and Intel's have too.
struct OpenMP {
    void (*parallel)(void (*)(void*), void*, unsigned threads, unsigned flags);
    int (*thread)();
    int (*threads)();
    int (*most_threads)();
};

std::atomic<const OpenMP*> borrowed{nullptr};

// A forked child has none of its parent's threads: it starts with a new pool. Pools are never destroyed, for their
// threads are waiting in them.
std::atomic<Pool*>& pool() {
    static std::atomic<Pool*> current{[] {
#if defined(__unix__) || defined(__APPLE__)
        pthread_atfork(nullptr, nullptr, [] {
            pool().store(new Pool);
            borrowed.store(nullptr);  // OpenMP's threads are gone too, and its runtime would wait for them
        });
#endif
        return new Pool;
    }()};
    return current;
}

struct Region {
    const OpenMP* runtime;
    Index shares;
    const std::function<void(Index)>* work;
};

void serve_region(void* data) {
    const Region& region = *static_cast<const Region*>(data);
    // the runtime may give fewer threads than asked for (OMP_DYNAMIC, OMP_THREAD_LIMIT)
    for (Index share = region.runtime->thread(); share < region.shares; share += region.runtime->threads())
        (*region.work)(share);
}

// Where the members of a team meet: whoever comes last lets the others go on.
struct Meeting {
    std::atomic<Index> size{1};
    std::atomic<Index> come{0};
    std::atomic<unsigned long> round{0};

    static void wait(void* place) {
        Meeting& m = *static_cast<Meeting*>(place);
        const unsigned long now = m.round.load(std::memory_order_acquire);
        if (m.come.fetch_add(1, std::memory_order_acq_rel) + 1 == m.size) {
            m.come.store(0, std::memory_order_relaxed);
            m.round.store(now + 1, std::memory_order_release);
            return;
        }
        for (int i = 0; m.round.load(std::memory_order_acquire) == now; ++i)
            i < kSpins ? pause() : std::this_thread::yield();
    }
};

struct TeamRegion {
    const OpenMP* runtime;
    Index size;
    const std::function<void(const Team&)>* work;
    Meeting meeting;
};

void serve_team(void* data) {
    TeamRegion& region = *static_cast<TeamRegion*>(data);
    const Index size = std::min(region.size, Index(region.runtime->threads())), member = region.runtime->thread();
    if (member >= size) return;
    region.meeting.size = size;  // every member says the same, before it waits for the first time
    (*region.work)(Team{member, size, Meeting::wait, &region.meeting});
}

void run_borrowed(const OpenMP& runtime, Index shares, const std::function<void(Index)>& work) {
    // always the whole team: a smaller one would end the threads that it leaves out, and torch would start them again
    Region region{&runtime, shares, &work};
    runtime.parallel(serve_region, &region, unsigned(std::max(shares, Index(runtime.most_threads()))), 0);
}

}  // namespace

bool borrow_threads(const char* library) {
#if defined(__unix__)
    void* const handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) return false;
    OpenMP found;
    found.parallel = reinterpret_cast<decltype(found.parallel)>(dlsym(handle, "GOMP_parallel"));
    found.thread = reinterpret_cast<decltype(found.thread)>(dlsym(handle, "omp_get_thread_num"));
    found.threads = reinterpret_cast<decltype(found.threads)>(dlsym(handle, "omp_get_num_threads"));
    found.most_threads = reinterpret_cast<decltype(found.most_threads)>(dlsym(handle, "omp_get_max_threads"));
    if (!found.parallel || !found.thread || !found.threads || !found.most_threads) {
        dlclose(handle);
        return false;
    }
    // for good: the handle and the table are never given back, for a call may be on its way
    borrowed.store(new OpenMP(found));
    pool();  // whose way of forking ends the loan
    return true;
#else
    return (void)library, false;
#endif
}

void in_parallel(Index shares, const std::function<void(Index)>& work) {
    if (shares <= 1) {
        if (shares == 1) work(0);
        return;
    }
    if (const OpenMP* runtime = borrowed.load()) return run_borrowed(*runtime, shares, work);
    if (pool().load()->run(shares, work)) return;
    for (Index i = 0; i < shares; ++i) work(i);
}

void in_team(Index size, const std::function<void(const Team&)>& work) {
    if (size > 1) {
        if (const OpenMP* runtime = borrowed.load()) {
            TeamRegion region{runtime, size, &work, {}};
            runtime->parallel(serve_team, &region, unsigned(std::max(size, Index(runtime->most_threads()))), 0);
            return;
        }
        Meeting meeting;
        meeting.size = size;
        if (pool().load()->run(size, [&](Index member) { work(Team{member, size, Meeting::wait, &meeting}); })) return;
    }
    work(Team{});
}

}  // namespace elman
