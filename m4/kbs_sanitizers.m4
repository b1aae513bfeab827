dnl KBS_SANITIZERS: --enable-sanitizers=address,undefined or =thread.
dnl _FORTIFY_SOURCE needs optimisation and hides faults from the sanitizers: it is for ordinary builds.
AC_DEFUN([KBS_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST], [build with -fsanitize=LIST (address,undefined or thread)])],
    [], [enable_sanitizers=no])
  SANITIZE_CFLAGS=; FORTIFY_CPPFLAGS='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
  AS_IF([test "$enable_sanitizers" != no], [
    SANITIZE_CFLAGS="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    FORTIFY_CPPFLAGS=
    AC_DEFINE([WITH_SANITIZERS], [1], [Define where a sanitizer watches the build.])])
  AM_CONDITIONAL([SANITIZED], [test "$enable_sanitizers" != no])
  AC_SUBST([SANITIZE_CFLAGS]) AC_SUBST([FORTIFY_CPPFLAGS])])
