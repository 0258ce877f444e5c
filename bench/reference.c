/* What does a check cost without Python? An epoll loop in C: connect, and for "http" ask, read and digest by MD5.
 *
 *     reference tcp|http FIRST_PORT COUNT CHECKS IN_FLIGHT    (all ports on 127.0.0.1)
 *
 * Prints microseconds of CPU a check. As small as it can be: no verdict, no text, no deadline, no schedule. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static int poller, http, port, count;
static long started, done, wanted;
static uint32_t sines[64];
static const char ask[] = "GET /page HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1\r\n\r\n";

static void md5(const uint8_t *data, size_t size, uint32_t sum[4]) { /* RFC 1321 */
    static const uint8_t turns[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
    static const uint32_t first[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t tail[128] = {0};
    size_t whole = size & ~(size_t)63, left = size - whole, end = left < 56 ? 64 : 128;
    memcpy(tail, data + whole, left);
    tail[left] = 128;
    uint64_t bits = (uint64_t)size * 8;
    memcpy(tail + end - 8, &bits, 8);
    memcpy(sum, first, 16);
    for (size_t at = 0; at < whole + end; at += 64) {
        uint32_t w[16], a = sum[0], b = sum[1], c = sum[2], d = sum[3];
        memcpy(w, at < whole ? data + at : tail + at - whole, 64);
        for (int i = 0; i < 64; i++) {
            uint32_t f = i < 16 ? (b & c) | (~b & d) : i < 32 ? (d & b) | (~d & c) : i < 48 ? b ^ c ^ d : c ^ (b | ~d);
            int g = i < 16 ? i : i < 32 ? 5 * i + 1 : i < 48 ? 3 * i + 5 : 7 * i, turn = turns[i / 16 * 4 + i % 4];
            f += a + sines[i] + w[g & 15];
            a = d, d = c, c = b, b += f << turn | f >> (32 - turn);
        }
        sum[0] += a, sum[1] += b, sum[2] += c, sum[3] += d;
    }
}

static void begin(void) {
    if (started == wanted) return;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port + started++ % count)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = sock};
    if (sock < 0 || (connect(sock, (void *)&to, sizeof to) && errno != EINPROGRESS)) perror("connect"), exit(1);
    epoll_ctl(poller, EPOLL_CTL_ADD, sock, &event);
}

static void end(int sock) {
    close(sock);
    done++;
    begin();
}

int main(int argc, char **argv) {
    static struct page { size_t size; int asked; uint8_t bytes[16384]; } pages[4096];
    if (argc != 6) return 2;
    http = !strcmp(argv[1], "http"), port = atoi(argv[2]), count = atoi(argv[3]), wanted = atol(argv[4]);
    for (int i = 0; i < 64; i++) sines[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
    poller = epoll_create1(0);
    for (int i = atoi(argv[5]); i; i--) begin();
    while (done < wanted) {
        struct epoll_event events[256];
        for (int i = 0, n = epoll_wait(poller, events, 256, -1); i < n; i++) {
            int sock = events[i].data.u64, error = 0;
            struct page *page = &pages[sock];
            socklen_t size = sizeof error;
            if (!page->asked) {
                if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &size) || error) exit(1);
                if (!http) { end(sock); continue; }
                if (send(sock, ask, sizeof ask - 1, MSG_NOSIGNAL) < 0) exit(1);
                page->asked = 1, page->size = 0;
            }
            ssize_t got;
            while ((got = recv(sock, page->bytes + page->size, sizeof page->bytes - page->size, 0)) > 0) page->size += got;
            if (got == 0) {
                uint8_t *body = memmem(page->bytes, page->size, "\r\n\r\n", 4);
                uint32_t sum[4];
                if (!body) exit(1);
                md5(body + 4, page->bytes + page->size - body - 4, sum);
                page->asked = 0;
                end(sock);
            }
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("%.3f\n", seconds * 1e6 / done);
}
