/* What each of the thirty modules needs, and the program too. */
int cost_of_start(void);

int cost_of_start(void)
{
    return 1;
}
