/* A PKCS#11 module in front of a real one, for what SoftHSM cannot do. All by files in the folder $SHIM:
 *   hang      signing sleeps while it exists
 *   crash     signing ends the process while it exists
 *   locked    the user's PIN is locked while it exists
 *   logins    one byte for every login that was tried
 *   sessions/ a file a process with its number of open sessions, as a device counts them for all applications
 *   max       how many sessions there may be
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long RV;
typedef struct { unsigned char version[2]; void *at[68]; } List;
typedef struct {
    char label[32], manufacturer[32], model[16], serial[16];
    unsigned long flags, max, count, rw_max, rw_count, rest[6];
    unsigned char versions[4], time[16];
} Info;
enum { TOKEN_INFO = 6, OPEN = 12, CLOSE = 13, LOGIN = 18, SIGN = 43 };

static List list;
static void *real[68];
static long opened;

static const char *path(const char *name) {
    static char text[4096];
    snprintf(text, sizeof text, "%s/%s", getenv("SHIM"), name);
    return text;
}

static long number(const char *name, long fallback) {
    FILE *file = fopen(path(name), "r");
    if (!file) return fallback;
    if (fscanf(file, "%ld", &fallback) != 1) fallback = 0;
    fclose(file);
    return fallback;
}

static void count(long change) {
    char name[64];
    opened += change;
    snprintf(name, sizeof name, "sessions/%d", (int)getpid());
    FILE *file = fopen(path(name), "w");
    if (file) { fprintf(file, "%ld", opened); fclose(file); }
}

static RV token_info(unsigned long slot, Info *info) {
    RV result = ((RV(*)(unsigned long, Info *))real[TOKEN_INFO])(slot, info);
    DIR *folder = opendir(path("sessions"));
    if (access(path("locked"), F_OK) == 0) info->flags |= 0x40000;
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
    RV result = ((RV(*)(unsigned long, unsigned long, void *, void *, unsigned long *))real[OPEN])(slot, flags, app, notify, handle);
    if (result == 0) count(1);
    return result;
}

static RV close_session(unsigned long handle) {
    RV result = ((RV(*)(unsigned long))real[CLOSE])(handle);
    if (result == 0) count(-1);
    return result;
}

static RV login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long size) {
    FILE *file = fopen(path("logins"), "a");
    if (file) { fputc('.', file); fclose(file); }
    if (access(path("locked"), F_OK) == 0) return 0xA4; /* CKR_PIN_LOCKED */
    return ((RV(*)(unsigned long, unsigned long, unsigned char *, unsigned long))real[LOGIN])(session, user, pin, size);
}

static RV sign(unsigned long session, unsigned char *data, unsigned long size, unsigned char *out, unsigned long *length) {
    if (access(path("crash"), F_OK) == 0) abort();
    while (access(path("hang"), F_OK) == 0) usleep(50000);
    return ((RV(*)(unsigned long, unsigned char *, unsigned long, unsigned char *, unsigned long *))real[SIGN])(session, data, size, out, length);
}

RV C_GetFunctionList(List **out) {
    List *found;
    void *module = dlopen(getenv("SHIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
    if (!module) return 5;
    RV (*get)(List **) = (RV(*)(List **))dlsym(module, "C_GetFunctionList");
    if (!get || get(&found)) return 5;
    memcpy(&list, found, sizeof list);
    memcpy(real, found->at, sizeof real);
    list.at[TOKEN_INFO] = token_info;
    list.at[OPEN] = open_session;
    list.at[CLOSE] = close_session;
    list.at[LOGIN] = login;
    list.at[SIGN] = sign;
    *out = &list;
    return 0;
}
