dnl KBS_FUZZERS: --enable-fuzzers links the fuzz targets with libFuzzer (clang). Without it the same
dnl targets are built with a small driver that runs the seeds and seeded mutations of them.
AC_DEFUN([KBS_FUZZERS], [
  AC_ARG_ENABLE([fuzzers], [AS_HELP_STRING([--enable-fuzzers], [link fuzz targets with libFuzzer (clang)])],
    [], [enable_fuzzers=no])
  FUZZ_CFLAGS=; FUZZ_LDFLAGS=
  AS_IF([test "$enable_fuzzers" = yes], [FUZZ_CFLAGS='-fsanitize=fuzzer-no-link'; FUZZ_LDFLAGS='-fsanitize=fuzzer'])
  AM_CONDITIONAL([LIBFUZZER], [test "$enable_fuzzers" = yes])
  AC_SUBST([FUZZ_CFLAGS]) AC_SUBST([FUZZ_LDFLAGS])])
