/* A library with a setsockopt() of its own that nobody who is loaded after it means. */
int setsockopt(int option, int value);

int setsockopt(int option, int value)
{
    return option + value;
}
