#include "net/event_loop.h"

#include "net/epoll_loop.h"
#include "net/event_loop_base.h"
#include "net/io_uring_loop.h"

namespace kvstore::net {

std::string_view backend_name(Backend backend) { return backend == Backend::kIoUring ? "io_uring" : "epoll"; }

Result<std::unique_ptr<EventLoop>> EventLoop::create(Backend backend, ConnectionHandler& handler) {
  return create_event_loop(backend, handler, LoopTimes{});
}

Result<std::unique_ptr<EventLoop>> create_event_loop(Backend backend, ConnectionHandler& handler,
                                                     const LoopTimes& times) {
  return backend == Backend::kIoUring ? IoUringLoop::create(handler, times) : EpollLoop::create(handler, times);
}

}  // namespace kvstore::net
