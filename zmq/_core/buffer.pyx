"""Python objects as one contiguous block of memory, with errors that say what to do instead."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, Py_buffer, PyObject_CheckBuffer


cdef int get_buffer(object data, Py_buffer *view) except -1:
    """Fill `view` with the bytes of a C-contiguous buffer; the caller gives it to release_buffer()."""
    if not PyObject_CheckBuffer(data):
        if isinstance(data, str):
            raise TypeError(f"str {_shorten(data)} has no encoding: use send_string(), or encode it to bytes")
        raise TypeError(f"{_shorten(data)} does not support the buffer interface: send bytes, or use send_json() or send_pyobj()")
    try:
        # a plain request is the cheapest; what is contiguous in several dimensions answers it too
        return export_get(data, view, PyBUF_SIMPLE)
    except (BufferError, ValueError) as error:
        raise BufferError(f"{type(data).__name__} is not C-contiguous ({error}): send a contiguous copy of it") from None


cdef int get_writable_buffer(object data, Py_buffer *view) except -1:
    """The same for memory to receive into."""
    if not PyObject_CheckBuffer(data):
        raise TypeError(f"{_shorten(data)} is no buffer to receive into: use a bytearray, a writable memoryview or an array")
    try:
        return export_get(data, view, PyBUF_WRITABLE)
    except (BufferError, ValueError) as error:
        raise BufferError(f"cannot receive into {type(data).__name__} ({error}): it must be writable and C-contiguous") from None


cdef str _shorten(object data):
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."
