/* What one of the thirty modules needs, modules/cost_module.c. */
int cost_dependency(void);

int cost_dependency(void)
{
    return 1;
}
