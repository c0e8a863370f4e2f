#include "openmp.hpp"

#include <algorithm>
#include <atomic>

#include "spin_barrier.hpp"

#if defined(__unix__)
#include <dlfcn.h>
#include <pthread.h>
#endif

namespace elman {
namespace {

std::atomic<const OpenMP*> borrowed{nullptr};

struct ForRegion {
    const OpenMP* runtime;
    Index count;
    const std::function<void(Index)>* work;
};

void run_for(void* data) {
    const ForRegion& region = *static_cast<const ForRegion*>(data);
    // The runtime may have fewer threads than requested (OMP_DYNAMIC, OMP_THREAD_LIMIT).
    for (Index i = region.runtime->thread(); i < region.count; i += region.runtime->num_threads()) (*region.work)(i);
}

struct TeamRegion {
    const OpenMP* runtime;
    Index size;
    const std::function<void(const ThreadTeam&)>* work;
    SpinBarrier barrier;
};

void run_team(void* data) {
    TeamRegion& region = *static_cast<TeamRegion*>(data);
    const Index size = std::min(region.size, Index(region.runtime->num_threads())), thread = region.runtime->thread();
    if (thread >= size) return;
    region.barrier.set_size(size);
    (*region.work)(region.barrier.team(thread, size));
}

unsigned region_size(const OpenMP& runtime, Index threads) {
    return unsigned(std::max(threads, Index(runtime.max_threads())));
}

#if defined(__unix__)
template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
}
#endif

}  // namespace

bool borrow_openmp(const char* library) {
#if defined(__unix__)
    void* const handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) return false;
    OpenMP runtime;
    if (!find(handle, "GOMP_parallel", runtime.parallel) || !find(handle, "omp_get_thread_num", runtime.thread) ||
        !find(handle, "omp_get_num_threads", runtime.num_threads) ||
        !find(handle, "omp_get_max_threads", runtime.max_threads)) {
        dlclose(handle);
        return false;
    }
    // A forked child has none of the threads, and the runtime would wait for them.
    static const int registered = pthread_atfork(nullptr, nullptr, [] { borrowed.store(nullptr); });
    (void)registered;
    borrowed.store(new OpenMP(runtime));  // neither the table nor the handle is freed: a call may be using them
    return true;
#else
    (void)library;
    return false;
#endif
}

const OpenMP* borrowed_openmp() { return borrowed.load(); }

void openmp_for(const OpenMP& runtime, Index count, const std::function<void(Index)>& work) {
    ForRegion region{&runtime, count, &work};
    runtime.parallel(run_for, &region, region_size(runtime, count), 0);
}

void openmp_team(const OpenMP& runtime, Index size, const std::function<void(const ThreadTeam&)>& work) {
    TeamRegion region{&runtime, size, &work, SpinBarrier()};
    runtime.parallel(run_team, &region, region_size(runtime, size), 0);
}

}  // namespace elman
