#pragma once
#include <stdbool.h>

/* Who is at the other end of a connection of this machine: root, or the user whom this process acts for, who could as
 * well read our memory? For a Unix socket the kernel says so; for TCP on loopback its table of sockets, /proc/net/tcp.
 */
bool wire_peer_trusted(int fd);
/* A TCP socket at a loopback address. */
bool wire_is_loopback(int fd);
