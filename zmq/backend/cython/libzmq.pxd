# libzmq's functions, types and constants. The functions need no library to link with: they are zmq/_core/capi's.

from libc.errno cimport errno

from zmq._core.capi cimport (
    zmq_bind, zmq_close, zmq_connect, zmq_ctx_destroy, zmq_ctx_get, zmq_ctx_new, zmq_ctx_set, zmq_ctx_term, zmq_curve_keypair,
    zmq_curve_public, zmq_disconnect, zmq_errno, zmq_getsockopt, zmq_has, zmq_init, zmq_join, zmq_leave, zmq_msg_close,
    zmq_msg_copy, zmq_msg_data, zmq_msg_get, zmq_msg_gets, zmq_msg_group, zmq_msg_init, zmq_msg_init_data, zmq_msg_init_size,
    zmq_msg_more, zmq_msg_move, zmq_msg_recv, zmq_msg_routing_id, zmq_msg_send, zmq_msg_set, zmq_msg_set_group,
    zmq_msg_set_routing_id, zmq_msg_size, zmq_poll, zmq_poller_add, zmq_poller_destroy, zmq_poller_fd, zmq_poller_modify,
    zmq_poller_new, zmq_poller_remove, zmq_proxy, zmq_proxy_steerable, zmq_recv, zmq_send, zmq_setsockopt, zmq_socket,
    zmq_socket_monitor, zmq_strerror, zmq_term, zmq_unbind, zmq_version, fd_t, zmq_free_fn, zmq_msg_t, zmq_pollitem_t,
)

include "constant_enums.pxi"
