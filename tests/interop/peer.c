/* A peer over Debian's czmq, driven by lines on standard input: see peers.py. */

#define _GNU_SOURCE
#include <czmq.h>

static int type_of(const char *name)
{
    static const struct { const char *name; int type; } types[] = {
        {"push", ZMQ_PUSH}, {"pull", ZMQ_PULL}, {"pub", ZMQ_PUB}, {"sub", ZMQ_SUB}, {"req", ZMQ_REQ},
        {"rep", ZMQ_REP}, {"dealer", ZMQ_DEALER}, {"router", ZMQ_ROUTER}, {"pair", ZMQ_PAIR},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (streq(name, types[i].name))
            return types[i].type;
    exit(2);
}

/* czmq's own handler (RFC 27); it knows a single PLAIN user, and lets in every key */
static zactor_t *guard(const char *user, const char *password)
{
    char path[] = "/tmp/zmq-interop-XXXXXX";
    int fd = mkstemp(path);
    zactor_t *auth = zactor_new(zauth, NULL);
    assert(auth && fd >= 0);
    if (user) {
        dprintf(fd, "%s=%s\n", user, password);
        zstr_sendx(auth, "PLAIN", path, NULL);
    } else
        zstr_sendx(auth, "CURVE", CURVE_ALLOW_ANY, NULL);
    zsock_wait(auth);
    close(fd);
    unlink(path);
    return auth;
}

static zactor_t *secure(zsock_t *socket, const char *security, char **keys)
{
    if (streq(security, "curve-server")) {
        zsock_set_curve_server(socket, 1);
        zsock_set_curve_secretkey(socket, keys[0]);
        return guard(NULL, NULL);
    }
    if (streq(security, "curve-client")) {
        zsock_set_curve_serverkey(socket, keys[0]);
        zsock_set_curve_publickey(socket, keys[1]);
        zsock_set_curve_secretkey(socket, keys[2]);
    }
    if (streq(security, "plain-server")) {
        zsock_set_plain_server(socket, 1);
        return guard(keys[0], keys[1]);
    }
    if (streq(security, "plain-client")) {
        zsock_set_plain_username(socket, keys[0]);
        zsock_set_plain_password(socket, keys[1]);
    }
    return NULL;
}

static zframe_t *decode(const char *word)
{
    size_t size = streq(word, "-") ? 0 : strlen(word) / 2;
    zframe_t *frame = zframe_new(NULL, size);
    for (size_t i = 0; i < size; i++)
        sscanf(word + 2 * i, "%2hhx", zframe_data(frame) + i);
    return frame;
}

static void print_message(zmsg_t *message)
{
    printf("got");
    for (zframe_t *frame = zmsg_first(message); frame; frame = zmsg_next(message)) {
        printf(" ");
        if (!zframe_size(frame))
            printf("-");
        for (size_t i = 0; i < zframe_size(frame); i++)
            printf("%02x", zframe_data(frame)[i]);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    assert(argc >= 5);
    setvbuf(stdout, NULL, _IOLBF, 0);
    zsys_handler_set(NULL);
    zsock_t *socket = zsock_new(type_of(argv[1]));
    zactor_t *auth = secure(socket, argv[4], argv + 5);
    int rc = streq(argv[2], "bind") ? zmq_bind(zsock_resolve(socket), argv[3]) : zmq_connect(zsock_resolve(socket), argv[3]);
    if (rc) {
        perror(argv[3]);
        return 1;
    }
    char *endpoint = zsock_last_endpoint(socket);
    printf("ready %s\n", endpoint);
    zstr_free(&endpoint);

    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *rest = line;
        char *command = strsep(&rest, " ");
        if (streq(command, "send")) {
            zmsg_t *message = zmsg_new();
            for (char *word; (word = strsep(&rest, " "));) {
                zframe_t *frame = decode(word);
                zmsg_append(message, &frame);
            }
            rc = zmsg_send(&message, socket);
            printf(rc ? "failed\n" : "sent\n");
        } else if (streq(command, "subscribe")) {
            zframe_t *topic = decode(rest);
            zmq_setsockopt(zsock_resolve(socket), ZMQ_SUBSCRIBE, zframe_data(topic), zframe_size(topic));
            zframe_destroy(&topic);
            printf("subscribed\n");
        } else if (streq(command, "recv")) {
            zmsg_t *message = zmsg_recv(socket);
            if (!message)
                return 1;
            print_message(message);
            zmsg_destroy(&message);
        }
    }
    free(line);
    zsock_destroy(&socket);
    zactor_destroy(&auth);
    return 0;
}
