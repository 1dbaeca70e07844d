#include "net/loop.h"

#include <signal.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/timer.h"

namespace net {

namespace {

// Rounds of posted work before the network gets its turn again: a chain of events ends within one
// turn, and work that yields again and again still lets others read and write.
constexpr int kRounds = 4;
// A burst may have made the queue large; above this it is given back.
constexpr std::size_t kKeptQueue = 1024;

// What the whole process needs before its first loop.
void prepare_process() {
  // A peer that is gone gives EPIPE; it must not end the process.
  signal(SIGPIPE, SIG_IGN);
  // libuv reads the variable at the first use of its pool. Commits wait for fsync there, and
  // searches read the disk: 4 threads, its default, would make them wait for each other.
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const std::string threads = std::to_string(std::clamp(2 * cores, 8U, 32U));
  setenv("UV_THREADPOOL_SIZE", threads.c_str(), 0);
}

}  // namespace

struct Loop::Impl {
  struct Signal {
    uv_signal_t handle;
    Work work;
  };
  struct Job {
    uv_work_t request;
    Impl* impl;
    Work work;
    Work done;
  };

  uv_loop_t loop{};
  uv_async_t wake_up{};    // another thread posted or stopped us
  uv_check_t turn{};       // after each poll: runs what was posted
  uv_idle_t keep_going{};  // active while work is queued: the poll then does not block
  uv_timer_t timer{};      // set to the soonest of `timers`
  Executor::Clock::time_point timer_at = Executor::Clock::time_point::max();
  TimerHeap timers;
  std::vector<std::unique_ptr<Signal>> signals;
  std::vector<Work> turn_end;
  std::vector<Work> batch;
  std::array<char, std::size_t{64} * 1024> scratch{};

  std::atomic<std::thread::id> runner;  // who is in run()
  const std::thread::id creator = std::this_thread::get_id();
  std::atomic<bool> stopping = false;
  bool destroying = false;

  std::mutex mutex;
  std::vector<Work> posted;  // guarded by mutex

  bool is_running_here() const {
    return runner.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  void ensure_turn();
  void run_turn();
  bool run_posted();
  void run_turn_end();
  void arm();
  void fire_timers();
  bool drop_queued();
};

void Loop::Impl::ensure_turn() {
  if (destroying) return;
  if (is_running_here()) {
    uv_idle_start(&keep_going, [](uv_idle_t*) {});
  } else {
    uv_async_send(&wake_up);
  }
}

bool Loop::Impl::run_posted() {
  {
    const std::lock_guard lock(mutex);
    posted.swap(batch);
  }
  if (batch.empty()) return false;
  for (Work& slot : batch) {
    Work work = std::move(slot);  // what it captured goes as soon as it has run
    work();
  }
  batch.clear();
  if (batch.capacity() > kKeptQueue) batch.shrink_to_fit();
  return true;
}

void Loop::Impl::run_turn_end() {
  std::vector<Work> now;
  now.swap(turn_end);
  for (Work& work : now) work();
  now.clear();
  if (turn_end.empty()) turn_end.swap(now);  // keeps the memory for the next turn
}

void Loop::Impl::run_turn() {
  for (int round = 0; round < kRounds; ++round) {
    const bool ran = run_posted();
    if (ran && round + 1 < kRounds) continue;
    if (!turn_end.empty())
      run_turn_end();
    else if (!ran)
      break;
  }
  bool more = !turn_end.empty();
  {
    const std::lock_guard lock(mutex);
    more = more || !posted.empty();
  }
  if (more) {
    ensure_turn();
  } else {
    uv_idle_stop(&keep_going);
  }
}

void Loop::Impl::arm() {
  if (timers.empty() || timers.soonest() >= timer_at) return;
  timer_at = timers.soonest();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(timer_at - Clock::now());
  uv_update_time(&loop);
  const auto fire = [](uv_timer_t* handle) { static_cast<Impl*>(handle->data)->fire_timers(); };
  uv_timer_start(&timer, fire, static_cast<std::uint64_t>(std::max<std::int64_t>(0, wait.count())),
                 0);
}

void Loop::Impl::fire_timers() {
  timer_at = Executor::Clock::time_point::max();
  const auto now = Clock::now();
  while (timers.fire_one(now)) {
  }
  arm();
}

// What is dropped may own connections, whose destructors post and close in turn.
bool Loop::Impl::drop_queued() {
  bool any = false;
  for (;;) {
    std::vector<Work> dropped;
    {
      const std::lock_guard lock(mutex);
      dropped.swap(posted);
    }
    std::vector<Work> at_end;
    at_end.swap(turn_end);
    if (dropped.empty() && at_end.empty() && timers.empty()) return any;
    any = true;
    timers.clear();
  }
}

Result<std::unique_ptr<Loop>> Loop::create() {
  static std::once_flag prepared;
  std::call_once(prepared, prepare_process);
  auto impl = std::make_unique<Impl>();
  if (const int rc = uv_loop_init(&impl->loop); rc != 0) {
    return fail(Errc::kIo, std::string("cannot make an event loop: ") + uv_strerror(rc));
  }
  const auto wake = [](uv_async_t*) {};  // the turn after this poll does the rest
  if (const int rc = uv_async_init(&impl->loop, &impl->wake_up, wake); rc != 0) {
    uv_loop_close(&impl->loop);
    return fail(Errc::kIo, std::string("cannot make an event loop: ") + uv_strerror(rc));
  }
  // These cannot fail: they only fill in the structure.
  uv_check_init(&impl->loop, &impl->turn);
  uv_idle_init(&impl->loop, &impl->keep_going);
  uv_timer_init(&impl->loop, &impl->timer);
  impl->turn.data = impl->timer.data = impl.get();
  uv_check_start(&impl->turn,
                 [](uv_check_t* handle) { static_cast<Impl*>(handle->data)->run_turn(); });
  return std::unique_ptr<Loop>(new Loop(std::move(impl)));
}

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Loop::~Loop() {
  CHECK(impl_->runner.load() == std::thread::id());
  impl_->destroying = true;
  impl_->drop_queued();
  const auto close = [](auto* handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
  };
  close(&impl_->wake_up);
  close(&impl_->turn);
  close(&impl_->keep_going);
  close(&impl_->timer);
  for (const auto& signal : impl_->signals) close(&signal->handle);
  const auto must_be_closing = [](uv_handle_t* handle, void*) {
    const bool outlives_its_loop = uv_is_closing(handle) == 0;
    CHECK(!outlives_its_loop);
  };
  uv_walk(&impl_->loop, must_be_closing, nullptr);
  // Runs the close callbacks and waits for what workers are still doing.
  do {
    uv_run(&impl_->loop, UV_RUN_DEFAULT);
  } while (impl_->drop_queued());
  CHECK(uv_loop_close(&impl_->loop) == 0);
}

void Loop::run() {
  CHECK(impl_->runner.exchange(std::this_thread::get_id()) == std::thread::id());
  while (!impl_->stopping.exchange(false)) uv_run(&impl_->loop, UV_RUN_ONCE);
  impl_->runner.store(std::thread::id());
}

void Loop::stop() {
  impl_->stopping.store(true);
  uv_async_send(&impl_->wake_up);
}

void Loop::post(Work work) {
  bool was_empty = false;
  {
    const std::lock_guard lock(impl_->mutex);
    was_empty = impl_->posted.empty();
    impl_->posted.push_back(std::move(work));
  }
  // Whoever queued the first one has seen to the turn.
  if (was_empty) impl_->ensure_turn();
}

void Loop::at_turn_end(Work work) {
  impl_->turn_end.push_back(std::move(work));
  if (impl_->turn_end.size() == 1) impl_->ensure_turn();
}

void Loop::run_on_worker(Work work, Work done) {
  if (!impl_->is_running_here()) {
    // Only the loop's own thread may queue a request.
    post([this, work = std::move(work), done = std::move(done)]() mutable {
      run_on_worker(std::move(work), std::move(done));
    });
    return;
  }
  auto job =
      std::make_unique<Impl::Job>(Impl::Job{{}, impl_.get(), std::move(work), std::move(done)});
  job->request.data = job.get();
  const auto run = [](uv_work_t* request) {
    auto* running = static_cast<Impl::Job*>(request->data);
    running->work();
    running->work = nullptr;  // what it captured goes on the thread that used it
  };
  const auto finish = [](uv_work_t* request, int) {
    const std::unique_ptr<Impl::Job> finished(static_cast<Impl::Job*>(request->data));
    if (!finished->impl->destroying) finished->done();
  };
  CHECK(uv_queue_work(&impl_->loop, &job->request, run, finish) == 0);
  static_cast<void>(job.release());  // `finish` owns it now
}

void Loop::post_after(std::chrono::milliseconds delay, Work work) {
  auto* timer = new Timer(this, std::move(work));  // the heap owns it
  timer->owns_itself_ = true;
  timer->start(delay);
}

bool Loop::is_current() const {
  const std::thread::id runner = impl_->runner.load(std::memory_order_relaxed);
  return std::this_thread::get_id() == (runner == std::thread::id() ? impl_->creator : runner);
}

Result<> Loop::on_signal(int signal, Work work) {
  for (const auto& known : impl_->signals) {
    if (known->handle.signum != signal) continue;
    known->work = std::move(work);
    return {};
  }
  auto entry = std::make_unique<Impl::Signal>(Impl::Signal{{}, std::move(work)});
  int rc = uv_signal_init(&impl_->loop, &entry->handle);
  if (rc != 0) {
    return fail(Errc::kIo, std::string("cannot watch for signals: ") + uv_strerror(rc));
  }
  entry->handle.data = entry.get();
  const auto fire = [](uv_signal_t* handle, int) {
    static_cast<Impl::Signal*>(handle->data)->work();
  };
  rc = uv_signal_start(&entry->handle, fire, signal);
  impl_->signals.push_back(std::move(entry));  // also when it failed: its handle needs the memory
  if (rc == 0) return {};
  return fail(Errc::kIo,
              "cannot watch for signal " + std::to_string(signal) + ": " + uv_strerror(rc));
}

uv_loop_s* Loop::uv() { return &impl_->loop; }

std::span<char> Loop::scratch() { return impl_->scratch; }

void Timer::start(std::chrono::milliseconds delay) {
  const auto now = Executor::Clock::now();
  // A delay beyond the clock's range means: as good as never.
  const auto longest =
      std::chrono::floor<std::chrono::milliseconds>(Executor::Clock::time_point::max() - now);
  loop_->impl_->timers.add(this, now + std::min(delay, longest));
  loop_->impl_->arm();
}

void Timer::stop() {
  if (is_running()) loop_->impl_->timers.remove(this);
}

}  // namespace net
