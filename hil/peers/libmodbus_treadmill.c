/*
 * A treadmill behind Modbus TCP, written on libmodbus: an Altivar-like drive and an I/O module, each on a port of its own.
 *
 * It shares neither code nor Modbus library with treadctl or its simulated treadmill: what the daemon can do with this server, it does by the
 * protocol. The belt is a plain ramp, stepped every 10 ms of CLOCK_MONOTONIC; runner, load and friction are missing on purpose.
 *
 * Register numbers are those of docs/reference/io-module-map.md and of the machine file profiles/machines/altivar-tcp.toml. That ttO is 6005, that ACC and DEC count
 * tenths of a second from 0 to 1500 rpm and that a quick stop is twice as steep as DEC are assumptions made here; no drive was asked.
 *
 *   libmodbus_treadmill DRIVE_PORT IO_PORT       0 = any free port; all on 127.0.0.1
 *
 * Standard output, one JSON object a line: "ready" with both ports, "word" for each write of the control word, "enable" for each change of the
 * coil, "state" when asked. Standard input, one command a line:
 *   cord 0|1      open or close both contacts of the pull cord       rails L R   load of the rails, N
 *   state         print the state                                    quit        end (so does the end of the input)
 */
#include <errno.h>
#include <math.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ETA = 3201, RFR = 3202, TTO = 6005, LFT = 7121, CMD = 8501, LFRD = 8602, RFRD = 8604, ACC = 9001, DEC = 9002 };
enum { DRIVE_FIRST = 3000, DRIVE_COUNT = 6100 };
enum { INPUT_CORD_A, INPUT_CORD_B, INPUT_ESTOP, INPUT_ATTENDANT, INPUT_HARNESS, INPUT_ENABLE, INPUTS };
enum { RAIL_LEFT, RAIL_RIGHT, BELT, LEVELS };
enum { MAX_CLIENTS = 8, TICK_MS = 10, LOST_COMMUNICATION = 5, REVERSE_BIT = 0x0800 };

#define M_PER_S_PER_RPM 0.0025
#define NOMINAL_RPM 1500.0
#define RAIL_ZERO 800.0
#define N_PER_COUNT 0.25
#define OUTPUT_WATCHDOG_MAX_MS 1000

enum power { SWITCH_ON_DISABLED, READY, SWITCHED_ON, ENABLED, QUICK_STOP, FAULT };
static const uint16_t STATE_WORD[] = {0x0250, 0x0231, 0x0233, 0x0237, 0x0217, 0x0218};
static const char *const STATE_NAME[] = {"switch_on_disabled", "ready", "switched_on", "enabled", "quick_stop", "fault"};

struct server {
    modbus_t *ctx;
    modbus_mapping_t *map;
    int listener;
    int port;
    uint8_t unit;
    int clients[MAX_CLIENTS];
    double heard_s; /* the last valid request */
};

static struct server drive, io;
static enum power power_state = SWITCH_ON_DISABLED;
static double rpm, rail_n[2], coil_written_s;
static uint16_t stop_word; /* the first control word that ended the last run; 0xFFFF = running, or never run */
static bool cord_closed = true;

static double now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "libmodbus_treadmill: %s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static uint16_t *reg(int address)
{
    return &drive.map->tab_registers[address - DRIVE_FIRST];
}

/* ---- the drive ------------------------------------------------------------------------------------------------------------------------------- */

static bool running(void)
{
    return power_state == ENABLED && (*reg(CMD) & 0x0F) == 0x0F;
}

/* A control word in the present state: CiA 402 in small. The drive has no torque while the enable output is open. */
static void control(uint16_t word, uint16_t before)
{
    if (power_state == FAULT) {
        if ((word & 0x80) && !(before & 0x80) && rpm == 0.0) {
            power_state = SWITCH_ON_DISABLED;
            *reg(LFT) = 0;
        }
        return;
    }
    if (!(word & 0x02))
        power_state = SWITCH_ON_DISABLED;
    else if (!(word & 0x04))
        power_state = power_state == ENABLED ? QUICK_STOP : power_state == QUICK_STOP ? QUICK_STOP : SWITCH_ON_DISABLED;
    else if (!io.map->tab_bits[0] || power_state == QUICK_STOP)
        return;
    else if ((word & 0x0F) == 0x06)
        power_state = READY;
    else if ((word & 0x0F) == 0x07 && power_state == READY)
        power_state = SWITCHED_ON;
    else if ((word & 0x0F) == 0x0F && power_state == SWITCHED_ON)
        power_state = ENABLED;
}

static void control_written(uint16_t before)
{
    const uint16_t word = *reg(CMD);
    const bool ran = running() || (power_state == ENABLED && (before & 0x0F) == 0x0F);
    control(word, before);
    if (running())
        stop_word = 0xFFFF;
    else if (ran && stop_word == 0xFFFF)
        stop_word = word;
    printf("{\"event\": \"word\", \"word\": %d, \"state\": \"%s\", \"belt_mps\": %.4f}\n", word, STATE_NAME[power_state], rpm * M_PER_S_PER_RPM);
}

static double ramp_rpm_per_s(int address)
{
    const uint16_t tenths = *reg(address);
    return NOMINAL_RPM / (0.1 * (tenths > 0 ? tenths : 1));
}

static void step_drive(double now, double passed_s)
{
    const double limit_s = 0.1 * *reg(TTO);
    if (power_state == ENABLED && limit_s > 0.0 && now - drive.heard_s > limit_s) {
        power_state = FAULT;
        *reg(LFT) = LOST_COMMUNICATION;
    }
    if (!io.map->tab_bits[0] && power_state != FAULT)
        power_state = SWITCH_ON_DISABLED;
    const double goal = running() ? (*reg(CMD) & REVERSE_BIT ? -1.0 : 1.0) * *reg(LFRD) : 0.0;
    double most = passed_s * ramp_rpm_per_s(fabs(goal) > fabs(rpm) ? ACC : DEC);
    if (power_state == QUICK_STOP)
        most *= 2.0;
    if (power_state == SWITCH_ON_DISABLED)
        most *= 0.5; /* no torque: it coasts */
    rpm = fabs(goal - rpm) <= most ? goal : rpm + copysign(most, goal - rpm);
    if (rpm == 0.0 && power_state == QUICK_STOP)
        power_state = SWITCH_ON_DISABLED;
    if (rpm == 0.0 && power_state == ENABLED && !running())
        power_state = SWITCHED_ON;
    *reg(ETA) = (uint16_t)(STATE_WORD[power_state] | (rpm < 0.0 ? 0x8000 : 0));
    *reg(RFR) = (uint16_t)lround(fabs(rpm) / 3.0);
    *reg(RFRD) = (uint16_t)(int16_t)lround(rpm);
}

static bool drive_may_write(int address)
{
    return address == CMD || address == LFRD || address == TTO || address == ACC || address == DEC;
}

static bool drive_may_read(int address)
{
    return drive_may_write(address) || address == ETA || address == RFR || address == RFRD || address == LFT || address == 3203 || address == 3204;
}

/* ---- the I/O module -------------------------------------------------------------------------------------------------------------------------- */

static void set_coil(bool on)
{
    if ((bool)io.map->tab_bits[0] != on)
        printf("{\"event\": \"enable\", \"on\": %s}\n", on ? "true" : "false");
    io.map->tab_bits[0] = on;
}

/* Counts of a load cell that is alive: one or two counts of noise, never twice the same for long. */
static uint16_t counts(double newton)
{
    return (uint16_t)(int16_t)lround(RAIL_ZERO + newton / N_PER_COUNT + (double)(rand() % 5 - 2));
}

static void step_io(double now)
{
    const double limit_s = 1e-3 * io.map->tab_registers[0];
    if (io.map->tab_bits[0] && limit_s > 0.0 && now - coil_written_s > limit_s)
        set_coil(false);
    uint8_t *const inputs = io.map->tab_input_bits;
    inputs[INPUT_CORD_A] = inputs[INPUT_CORD_B] = cord_closed;
    inputs[INPUT_ESTOP] = inputs[INPUT_ATTENDANT] = inputs[INPUT_HARNESS] = 1;
    inputs[INPUT_ENABLE] = io.map->tab_bits[0];
    io.map->tab_input_registers[RAIL_LEFT] = counts(rail_n[0]);
    io.map->tab_input_registers[RAIL_RIGHT] = counts(rail_n[1]);
    io.map->tab_input_registers[BELT] = (uint16_t)(int16_t)lround(1000.0 * rpm * M_PER_S_PER_RPM);
}

/* ---- serving --------------------------------------------------------------------------------------------------------------------------------- */

static void refuse(struct server *server, const uint8_t *query, unsigned code)
{
    modbus_reply_exception(server->ctx, query, code);
}

/* Whether the drive knows the registers that a request names. The mapping spans the gaps between them too. */
static bool drive_knows(const uint8_t *pdu)
{
    const int first = pdu[1] << 8 | pdu[2];
    if (pdu[0] == MODBUS_FC_WRITE_SINGLE_REGISTER)
        return drive_may_write(first);
    if (pdu[0] != MODBUS_FC_READ_HOLDING_REGISTERS)
        return true; /* refused by the library: no such table */
    const int count = pdu[3] << 8 | pdu[4];
    for (int at = first; at < first + count; at++)
        if (!drive_may_read(at))
            return false;
    return true;
}

static void answer(struct server *server, const uint8_t *query, int length)
{
    const uint8_t *const pdu = query + modbus_get_header_length(server->ctx);
    const int address = pdu[1] << 8 | pdu[2];
    if (pdu[-1] != server->unit) {
        refuse(server, query, MODBUS_EXCEPTION_GATEWAY_TARGET);
        return;
    }
    server->heard_s = now_s();
    if (server == &drive) {
        if (!drive_knows(pdu)) {
            refuse(server, query, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
            return;
        }
        const uint16_t before = *reg(CMD);
        modbus_reply(server->ctx, query, length, server->map);
        if (pdu[0] == MODBUS_FC_WRITE_SINGLE_REGISTER && address == CMD)
            control_written(before);
        return;
    }
    if (pdu[0] == MODBUS_FC_WRITE_SINGLE_REGISTER && (pdu[3] << 8 | pdu[4]) > OUTPUT_WATCHDOG_MAX_MS) {
        refuse(server, query, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
        return;
    }
    const uint8_t before = server->map->tab_bits[0];
    modbus_reply(server->ctx, query, length, server->map);
    if (pdu[0] == MODBUS_FC_WRITE_SINGLE_COIL && address == 0) {
        const bool on = server->map->tab_bits[0];
        coil_written_s = server->heard_s;
        server->map->tab_bits[0] = before;
        set_coil(on);
    }
}

static void open_server(struct server *server, const char *port, uint8_t unit, modbus_mapping_t *map)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    server->ctx = modbus_new_tcp("127.0.0.1", atoi(port));
    server->map = map;
    server->unit = unit;
    if (server->ctx == NULL || map == NULL)
        die("memory");
    server->listener = modbus_tcp_listen(server->ctx, MAX_CLIENTS);
    if (server->listener < 0 || getsockname(server->listener, (struct sockaddr *)&at, &size) < 0)
        die("listen");
    server->port = ntohs(at.sin_port);
    for (int i = 0; i < MAX_CLIENTS; i++)
        server->clients[i] = -1;
}

static void welcome(struct server *server)
{
    const int one = 1, fd = accept(server->listener, NULL, NULL);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (int i = 0; i < MAX_CLIENTS; i++)
        if (server->clients[i] < 0) {
            server->clients[i] = fd;
            return;
        }
    close(fd);
}

static void serve(struct server *server, int *client)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    modbus_set_socket(server->ctx, *client);
    const int length = modbus_receive(server->ctx, query);
    if (length > 0) {
        answer(server, query, length);
    } else if (length < 0) {
        close(*client);
        *client = -1;
    }
}

/* ---- the person at the keyboard -------------------------------------------------------------------------------------------------------------- */

static void print_state(void)
{
    printf("{\"event\": \"state\", \"belt_mps\": %.4f, \"state\": \"%s\", \"enable\": %s, \"stop_word\": %d, \"watchdog_ds\": %d, \"output_watchdog_ms\": %d}\n",
           rpm * M_PER_S_PER_RPM, STATE_NAME[power_state], io.map->tab_bits[0] ? "true" : "false", stop_word, *reg(TTO), io.map->tab_registers[0]);
}

static bool obey(const char *line)
{
    double left, right;
    int closed;
    if (sscanf(line, "cord %d", &closed) == 1)
        cord_closed = closed != 0;
    else if (sscanf(line, "rails %lf %lf", &left, &right) == 2)
        rail_n[0] = left, rail_n[1] = right;
    else if (strcmp(line, "state") == 0)
        print_state();
    else if (strcmp(line, "quit") == 0)
        return false;
    return true;
}

static bool listen_to_input(void)
{
    static char line[256];
    static size_t used;
    const ssize_t got = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
    if (got <= 0)
        return false;
    used += (size_t)got;
    for (char *end; (end = memchr(line, '\n', used)) != NULL;) {
        *end = '\0';
        if (!obey(line))
            return false;
        used -= (size_t)(end + 1 - line);
        memmove(line, end + 1, used);
    }
    return used < sizeof line - 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s DRIVE_PORT IO_PORT\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_server(&drive, argv[1], 1, modbus_mapping_new_start_address(0, 0, 0, 0, DRIVE_FIRST, DRIVE_COUNT, 0, 0));
    open_server(&io, argv[2], 1, modbus_mapping_new(1, INPUTS, 1, LEVELS));
    *reg(TTO) = 100; /* as shipped: ten seconds */
    *reg(ACC) = 50;
    *reg(DEC) = 40;
    stop_word = 0xFFFF;
    printf("{\"event\": \"ready\", \"drive_port\": %d, \"io_port\": %d}\n", drive.port, io.port);

    double stepped_s = now_s();
    for (bool going = true; going;) {
        struct pollfd ears[3 + 2 * MAX_CLIENTS] = {{STDIN_FILENO, POLLIN, 0}, {drive.listener, POLLIN, 0}, {io.listener, POLLIN, 0}};
        for (int i = 0; i < 2 * MAX_CLIENTS; i++)
            ears[3 + i] = (struct pollfd){i < MAX_CLIENTS ? drive.clients[i] : io.clients[i - MAX_CLIENTS], POLLIN, 0};
        if (poll(ears, 3 + 2 * MAX_CLIENTS, TICK_MS) < 0 && errno != EINTR)
            die("poll");
        const double now = now_s();
        if (now - stepped_s >= 1e-3 * TICK_MS) {
            step_drive(now, now - stepped_s);
            step_io(now);
            stepped_s = now;
        }
        if (ears[0].revents)
            going = listen_to_input();
        for (int i = 0; i < 2 * MAX_CLIENTS; i++)
            if (ears[3 + i].revents)
                serve(i < MAX_CLIENTS ? &drive : &io, i < MAX_CLIENTS ? &drive.clients[i] : &io.clients[i - MAX_CLIENTS]);
        if (ears[1].revents)
            welcome(&drive);
        if (ears[2].revents)
            welcome(&io);
    }
    return 0;
}
