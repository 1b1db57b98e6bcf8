/* A PKCS#11 module in front of a real one, for what SoftHSM cannot do. All by files in the folder $SHIM:
 *   hang           signing sleeps while it exists
 *   crash          signing ends the process while it exists
 *   hang.CALL      the same for another call, such as `hang.Initialize`
 *   segv.CALL      the call reads where nothing is
 *   rv.CALL        the call returns the number that stands in it, and does nothing
 *   refuses        CKR_FUNCTION_FAILED for every question that holds the attribute which stands in it
 *   writing        no session that only reads is opened: CKR_FUNCTION_FAILED, as AWS CloudHSM's module says
 *   noise          every call prints to standard output and standard error, and reads standard input
 *   fork           signing leaves a process behind that sleeps and holds all that was open; its pid is written into `forked`
 *   leak           signing keeps as many megabytes and open files as stand in it
 *   keeps          the token's flags are told as they were when they were first read after C_Initialize
 *   flags, noflags bits that are set, and taken away, in the token's flags
 *   label, serial  what the token says instead of its own
 *   locked         the user's PIN is locked while it exists
 *   logins         one byte for every login that was tried
 *   sessions/      a file a process with its number of open sessions, as a device counts them for all applications
 *   max            how many sessions there may be
 *   free, total    bytes of private memory
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long RV;
typedef struct { unsigned char version[2]; void *at[68]; } List;
typedef struct {
    char label[32], manufacturer[32], model[16], serial[16];
    unsigned long flags, max, count, rw_max, rw_count, pin_max, pin_min, public_total, public_free, total, free;
    unsigned char versions[4], time[16];
} Info;
typedef struct { unsigned long type; void *value; unsigned long size; } Attribute;
enum {
    INITIALIZE = 0, FINALIZE = 1, SLOT_LIST = 4, TOKEN_INFO = 6, OPEN = 12, CLOSE = 13, LOGIN = 18, FIND = 26,
    ATTRIBUTE = 24, SIGN = 43, RANDOM = 64
};

static List list;
static void *real[68];
static long opened;
static unsigned long kept;

static const char *path(const char *name) {
    static char text[4096];
    snprintf(text, sizeof text, "%s/%s", getenv("SHIM"), name);
    return text;
}

static int has(const char *name) { return access(path(name), F_OK) == 0; }

static long number(const char *name, long fallback) {
    FILE *file = fopen(path(name), "r");
    if (!file) return fallback;
    if (fscanf(file, "%li", &fallback) != 1) fallback = 0;
    fclose(file);
    return fallback;
}

static void padded(const char *name, char *text, size_t size) {
    char found[33] = "";
    FILE *file = fopen(path(name), "r");
    if (!file) return;
    size_t length = fread(found, 1, size, file);
    fclose(file);
    memset(text, ' ', size);
    memcpy(text, found, length);
}

static void count(long change) {
    char name[64], made[4096];
    opened += change;
    snprintf(name, sizeof name, "sessions/.%d", (int)getpid());
    snprintf(made, sizeof made, "%s", path(name));
    FILE *file = fopen(made, "w");
    if (!file) return;
    fprintf(file, "%ld", opened);
    fclose(file);
    snprintf(name, sizeof name, "sessions/%d", (int)getpid());
    rename(made, path(name)); /* at once: another process may count at any moment, and none has no sessions in between */
}

/* What happens to every call first; another value than 0 is its answer. */
static RV before(const char *call) {
    char name[64];
    if (has("noise")) {
        char read_away[64];
        printf("{\"noise\": 1}\n");
        fflush(stdout);
        fprintf(stderr, "noise\n");
        if (read(0, read_away, sizeof read_away) > 0) printf("took what was not its own\n");
    }
    snprintf(name, sizeof name, "segv.%s", call);
    if (has(name)) *(volatile int *)8 = 1;
    snprintf(name, sizeof name, "hang.%s", call);
    while (has(name)) usleep(20000);
    snprintf(name, sizeof name, "rv.%s", call);
    return (RV)number(name, 0);
}

static RV initialize(void *arguments) {
    RV given = before("Initialize");
    kept = 0;
    return given ? given : ((RV(*)(void *))real[INITIALIZE])(arguments);
}

static RV finalize(void *reserved) {
    RV given = before("Finalize");
    return given ? given : ((RV(*)(void *))real[FINALIZE])(reserved);
}

static RV slot_list(unsigned char present, unsigned long *slots, unsigned long *size) {
    RV given = before("GetSlotList");
    return given ? given : ((RV(*)(unsigned char, unsigned long *, unsigned long *))real[SLOT_LIST])(present, slots, size);
}

static RV token_info(unsigned long slot, Info *info) {
    RV given = before("GetTokenInfo");
    if (given) return given;
    RV result = ((RV(*)(unsigned long, Info *))real[TOKEN_INFO])(slot, info);
    if (!(info->flags & 0x400)) return result; /* CKF_TOKEN_INITIALIZED: SoftHSM has an empty one beside */
    DIR *folder = opendir(path("sessions"));
    if (has("locked")) info->flags |= 0x40000;
    info->flags |= (unsigned long)number("flags", 0);
    info->flags &= ~(unsigned long)number("noflags", 0);
    if (!kept) kept = info->flags;
    if (has("keeps")) info->flags = kept;
    padded("label", info->label, sizeof info->label);
    padded("serial", info->serial, sizeof info->serial);
    if (has("total")) {
        info->total = (unsigned long)number("total", 0);
        info->free = (unsigned long)number("free", 0);
    }
    if (!folder) return result;
    info->count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[300];
        snprintf(name, sizeof name, "sessions/%s", entry->d_name);
        if (entry->d_name[0] != '.') info->count += number(name, 0);
    }
    closedir(folder);
    info->max = number("max", 0);
    return result;
}

static RV open_session(unsigned long slot, unsigned long flags, void *app, void *notify, unsigned long *handle) {
    RV given = before("OpenSession");
    if (given) return given;
    if (has("writing") && !(flags & 2)) return 6;
    RV result = ((RV(*)(unsigned long, unsigned long, void *, void *, unsigned long *))real[OPEN])(slot, flags, app, notify, handle);
    if (result == 0) count(1);
    return result;
}

static RV close_session(unsigned long handle) {
    RV given = before("CloseSession");
    if (given) return given;
    RV result = ((RV(*)(unsigned long))real[CLOSE])(handle);
    if (result == 0) count(-1);
    return result;
}

static RV login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long size) {
    FILE *file = fopen(path("logins"), "a");
    if (file) { fputc('.', file); fclose(file); }
    RV given = before("Login");
    if (given) return given;
    if (has("locked")) return 0xA4; /* CKR_PIN_LOCKED */
    return ((RV(*)(unsigned long, unsigned long, unsigned char *, unsigned long))real[LOGIN])(session, user, pin, size);
}

static RV find(unsigned long session, void *template, unsigned long size) {
    RV given = before("FindObjectsInit");
    return given ? given : ((RV(*)(unsigned long, void *, unsigned long))real[FIND])(session, template, size);
}

static RV attribute(unsigned long session, unsigned long object, void *template, unsigned long size) {
    RV given = before("GetAttributeValue");
    long refused = number("refuses", -1);
    for (unsigned long at = 0; at < size && refused >= 0; at++)
        if (((Attribute *)template)[at].type == (unsigned long)refused) return 6;
    return given ? given : ((RV(*)(unsigned long, unsigned long, void *, unsigned long))real[ATTRIBUTE])(session, object, template, size);
}

static RV random_bytes(unsigned long session, unsigned char *out, unsigned long size) {
    RV given = before("GenerateRandom");
    return given ? given : ((RV(*)(unsigned long, unsigned char *, unsigned long))real[RANDOM])(session, out, size);
}

static void leave_a_process(void) {
    pid_t child = fork();
    if (child == 0) for (;;) pause();
    FILE *file = fopen(path("forked"), "w");
    if (file) { fprintf(file, "%d", (int)child); fclose(file); }
}

static void leak(long amount) {
    char *kept = malloc((size_t)amount << 20);
    if (kept) memset(kept, 1, (size_t)amount << 20);
    for (long at = 0; at < amount; at++) (void)!open("/dev/null", O_RDONLY);
}

static RV sign(unsigned long session, unsigned char *data, unsigned long size, unsigned char *out, unsigned long *length) {
    if (has("crash")) abort();
    if (has("fork") && !has("forked")) leave_a_process();
    if (has("leak")) leak(number("leak", 0));
    while (has("hang")) usleep(20000);
    RV given = before("Sign");
    return given ? given : ((RV(*)(unsigned long, unsigned char *, unsigned long, unsigned char *, unsigned long *))real[SIGN])(session, data, size, out, length);
}

RV C_GetFunctionList(List **out) {
    List *found;
    void *module = dlopen(getenv("SHIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
    if (!module) return 5;
    RV (*get)(List **) = (RV(*)(List **))dlsym(module, "C_GetFunctionList");
    if (!get || get(&found)) return 5;
    memcpy(&list, found, sizeof list);
    memcpy(real, found->at, sizeof real);
    list.at[INITIALIZE] = initialize;
    list.at[FINALIZE] = finalize;
    list.at[SLOT_LIST] = slot_list;
    list.at[TOKEN_INFO] = token_info;
    list.at[OPEN] = open_session;
    list.at[CLOSE] = close_session;
    list.at[LOGIN] = login;
    list.at[FIND] = find;
    list.at[ATTRIBUTE] = attribute;
    list.at[SIGN] = sign;
    list.at[RANDOM] = random_bytes;
    *out = &list;
    return 0;
}
