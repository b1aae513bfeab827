dnl KBS_HARDENING: the warnings and the hardening that every object of this project gets.
dnl Each flag is tried, so that gcc and clang of other ages still build.
AC_DEFUN([KBS_TRY_CFLAG], [
  AS_VAR_PUSHDEF([known], [kbs_cv_cflag_$1])
  AC_CACHE_CHECK([whether $CC takes $1], [known], [
    kbs_saved=$CFLAGS; CFLAGS="$CFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([known], [yes])], [AS_VAR_SET([known], [no])])
    CFLAGS=$kbs_saved])
  AS_VAR_IF([known], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([known])])

AC_DEFUN([KBS_TRY_LDFLAG], [
  AS_VAR_PUSHDEF([known], [kbs_cv_ldflag_$1])
  AC_CACHE_CHECK([whether the linker takes $1], [known], [
    kbs_saved=$LDFLAGS; LDFLAGS="$LDFLAGS -Wl,--fatal-warnings $1"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([known], [yes])], [AS_VAR_SET([known], [no])])
    LDFLAGS=$kbs_saved])
  AS_VAR_IF([known], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([known])])

AC_DEFUN([KBS_HARDENING], [
  WARN_CFLAGS=; HARDEN_CFLAGS=
  m4_foreach_w([flag], [-Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wundef -Wvla -Wwrite-strings],
    [KBS_TRY_CFLAG(flag, [WARN_CFLAGS])])
  m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -fno-strict-aliasing -fvisibility=hidden -fno-common -ffunction-sections -fdata-sections],
    [KBS_TRY_CFLAG(flag, [HARDEN_CFLAGS])])
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors (for CI)])],
    [AS_IF([test "$enableval" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])])
  HARDEN_LDFLAGS='-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed'
  KBS_TRY_LDFLAG([-Wl,--gc-sections], [HARDEN_LDFLAGS])
  KBS_TRY_LDFLAG([-Wl,-z,pack-relative-relocs], [HARDEN_LDFLAGS])
  dnl What is to be small enough to audit is compiled to be small: its time goes into libcrypto anyway. Debuggers have
  dnl .debug_frame, and nothing here is unwound at run time.
  SMALL_CFLAGS=
  m4_foreach_w([flag], [-Os -fno-asynchronous-unwind-tables], [KBS_TRY_CFLAG(flag, [SMALL_CFLAGS])])
  AC_SUBST([SMALL_CFLAGS])
  dnl Inside of other people's programs, whose threads may be cancelled: small, but the tables stay.
  COLD_CFLAGS=
  m4_foreach_w([flag], [-Os], [KBS_TRY_CFLAG(flag, [COLD_CFLAGS])])
  AC_SUBST([COLD_CFLAGS])
  PIE_CFLAGS=-fPIE; PIE_LDFLAGS=-pie
  AC_SUBST([WARN_CFLAGS]) AC_SUBST([HARDEN_CFLAGS]) AC_SUBST([HARDEN_LDFLAGS])
  AC_SUBST([PIE_CFLAGS]) AC_SUBST([PIE_LDFLAGS])])
