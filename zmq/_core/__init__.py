"""The compiled core: libzmq wrapped in small modules, of which only ``_lib`` is linked with it."""
