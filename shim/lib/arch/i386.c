/*
 * i386.c: where a function of the library goes that finds its stack overwritten. On i386 gcc calls
 * a name for that which no libc exports, for each object to bring along; nothing on other machines.
 */
extern void __stack_chk_fail(void);
void __stack_chk_fail_local(void);

#if defined(__i386__)
__attribute__((visibility("hidden"))) void __stack_chk_fail_local(void)
{
    __stack_chk_fail();
}
#endif
